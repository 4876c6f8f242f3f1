/** Where the server is reached, from the words that it was started with. */
import { BerthError } from '@berth/wire'
import type { ServeOptions } from '../main.ts'

export function addressOf(values: { listen?: string; port?: string; public?: string; 'preview-base'?: string; 'preview-port'?: string }): Pick<ServeOptions, 'listen' | 'port' | 'publicUrl' | 'previews'> {
  const { 'preview-base': base, 'preview-port': previewPort } = values
  return {
    previews: { ...(base === undefined ? {} : { base }), ...(previewPort === undefined ? {} : { port: portOf(previewPort) }) },
    ...(values.listen === undefined ? {} : { listen: values.listen }),
    ...(values.port === undefined ? {} : { port: portOf(values.port) }),
    ...(values.public === undefined ? {} : { publicUrl: publicUrlOf(values.public) }),
  }
}

function publicUrlOf(text: string): string {
  const url = URL.parse(text)
  if (url === null || !/^https?:$/.test(url.protocol) || url.pathname !== '/' || url.search !== '' || url.username !== '') {
    throw new BerthError('bad_request', `--public ${text} is not the address of a host`, { hint: 'give it as https://berth.example.org, without a path' })
  }
  return url.origin
}

function portOf(text: string): number {
  const port = Number(text)
  if (!Number.isInteger(port) || port < 0 || port > 65535) throw new BerthError('bad_request', `--port ${text} is not a port`, { hint: 'use a number from 0 to 65535' })
  return port
}
