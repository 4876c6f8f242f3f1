/**
 * A server that becomes its next version while pages of the last one stand open: another worker, one room under another
 * name. What a worker is made of is refused at first, as when a phone changes its network.
 */

export interface NextVersion {
  through(url: string): string
  /** From now on it is another version; the room of the last one is gone. */
  update(): Promise<void>
  close(): Promise<void>
}

/** Once by each of the tabs. */
const REFUSED = 2
/** Nobody else asks for them, or can do without. */
const OF_WORKERS = /^\/(?:sw\.js|shell|manifest\.webmanifest|(?:icon|badge)[\w-]*\.\w+)$/
const ROOM = /\/assets\/settings-page-\w+\.js/

export function startNextVersion(to: number): NextVersion {
  let version = 0
  let room = ''
  const refused = new Map<string, number>()
  const upstream = (request: Request, path: string, more: Record<string, string> = {}) => fetch(`http://127.0.0.1:${to}${path}`, {
    method: request.method, headers: { ...Object.fromEntries(request.headers), 'accept-encoding': 'identity', ...more }, redirect: 'manual', ...(request.body ? { body: request.body } : {}),
  })
  const server = Bun.serve({
    port: 0, hostname: '127.0.0.1', idleTimeout: 0,
    async fetch(request) {
      const { pathname, search } = new URL(request.url)
      // It is not what is tried here; a page without one goes on.
      if (request.headers.has('upgrade')) return new Response(null, { status: 503 })
      if (version > 0 && pathname === room) return new Response(null, { status: 404 })
      const before = refused.get(pathname) ?? 0
      if (OF_WORKERS.test(pathname) && before < REFUSED) {
        refused.set(pathname, before + 1)
        return new Response(null, { status: 503 })
      }
      const given = version > 0 && pathname === named(room, version) ? room : pathname
      const response = await upstream(request, given + search)
      if (pathname !== '/sw.js') return response
      const text = await response.text()
      room = ROOM.exec(text)?.[0] ?? ''
      const headers = new Headers(response.headers)
      headers.delete('content-length')
      headers.delete('etag')
      return new Response(version === 0 ? text : text.replaceAll(room, named(room, version)).replace(/berth-shell-(?=\w)/, `berth-shell-${version}`), { headers })
    },
  })
  return {
    through(url) {
      const other = new URL(url)
      other.port = String(server.port)
      return other.href
    },
    async update() {
      if (room === '') throw new Error('no worker was asked for yet')
      version += 1
      refused.clear()
    },
    close: () => server.stop(true),
  }
}

const named = (room: string, version: number) => room.replace('settings-page-', `settings-page-${version}`)
