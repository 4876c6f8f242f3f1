/** Previews as the verbs show them: addresses first, because people copy them. */
import type { Client } from '@berth/client'
import type { Workspace, WorkspaceId } from '@berth/wire'
import { BerthError } from '@berth/wire/error'
import type { Preview } from '@berth/wire/previews'
import { cleanLine } from './clean.ts'
import type { Style } from './io.ts'

export interface DeclaredPort { readonly port: number; readonly label?: string }

/** `3000` or `3000:label`. */
export function parsePort(text: string, option: string): DeclaredPort {
  const [digits = '', ...rest] = text.split(':')
  const label = rest.join(':').trim()
  const port = Number(digits)
  if (!/^\d{1,5}$/.test(digits) || port < 1 || port > 65535) throw new BerthError('bad_request', `${option} takes a port, not "${text}"`, { hint: 'such as 3000, or 3000:web with a label' })
  if (label.length > 64) throw new BerthError('bad_request', `the label of port ${port} is longer than 64 characters`)
  return { port, ...(label === '' ? {} : { label }) }
}

export async function declarePorts(client: Client, id: WorkspaceId, ports: readonly DeclaredPort[], signal: AbortSignal): Promise<void> {
  for (const [index, { port, label }] of ports.entries()) await client.setPreview({ id, port, ...(label === undefined ? {} : { label }), ...(index === 0 ? { primary: true } : {}) }, signal)
}

/** None where the server is older than previews. */
export async function previewsOf(client: Client, { id, phase }: Pick<Workspace, 'id' | 'phase'>, signal: AbortSignal): Promise<Preview[]> {
  if (phase === 'deleted' || phase === 'deleting') return []
  return client.listPreviews({ id }, signal).catch((error: unknown) => {
    if (error instanceof BerthError && error.code === 'not_found') return []
    throw error
  })
}

export function aboutPreview(style: Style, preview: Preview): string {
  const parts = [preview.label === null ? null : cleanLine(preview.label, 40), preview.listening ? null : 'nothing listens yet', preview.process === null ? null : cleanLine(preview.process, 40)]
  const words = style.dim(parts.filter((part) => part !== null).join(', '))
  return preview.access === 'private' ? words : `${words}${words === '' ? '' : ' '}${style.yellow(preview.access === 'public' ? 'public' : 'shared by link')}`
}
