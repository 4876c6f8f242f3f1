/** Where the link is: `http(s)://host:port` or `unix:/path`, as the boot file says it. */
import { BerthError } from '@berth/wire'

export interface LinkAddress {
  /** What `fetch` takes for a path of the link's listener. */
  request(path: string): { url: string; options: { unix?: string } }
  /** What `WebSocket` takes. */
  socket(path: string): string
}

export function parseLinkUrl(linkUrl: string): LinkAddress {
  if (linkUrl.startsWith('unix:')) {
    const socketPath = linkUrl.slice('unix:'.length)
    // The host is never resolved; it only makes the URL whole.
    return { request: (path) => ({ url: `http://link${path}`, options: { unix: socketPath } }), socket: (path) => `ws+unix://${socketPath}:${path}` }
  }
  const url = URL.parse(linkUrl)
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw new BerthError('config_invalid', 'the link address is neither http(s)://… nor unix:…', { hint: 'the provider writes linkUrl into the boot file' })
  }
  const base = url.href.replace(/\/$/, '')
  return { request: (path) => ({ url: base + path, options: {} }), socket: (path) => base.replace(/^http/, 'ws') + path }
}
