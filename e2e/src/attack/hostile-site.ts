/** Another site, and what it makes a visitor's browser do. It hears what was said to it. */
export interface HostileSite { readonly origin: string; readonly heard: string[]; page(html: string): string; close(): void }

/** `hostname`: as the browser knows it, which is cross-site or a sibling of the page's name. */
export function startHostileSite(hostname: string): HostileSite {
  const pages = new Map<string, string>()
  const heard: string[] = []
  const server = Bun.serve({
    hostname: '127.0.0.1', port: 0,
    fetch(request) {
      const { pathname, search } = new URL(request.url)
      const page = pages.get(pathname)
      if (page !== undefined) return new Response(page, { headers: { 'content-type': 'text/html' } })
      heard.push(`${pathname}${search} ${request.headers.get('cookie') ?? ''}`)
      return new Response('', { headers: { 'access-control-allow-origin': '*' } })
    },
  })
  const origin = `http://${hostname}:${server.port}`
  return {
    origin, heard,
    page(html) {
      const path = `/page-${pages.size}`
      pages.set(path, `<!doctype html><meta charset="utf-8"><body>${html}`)
      return `${origin}${path}`
    },
    close: () => void server.stop(true),
  }
}
