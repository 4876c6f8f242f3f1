/** A git host on loopback: git's own HTTP backend, and a store of large files that wants its headers back. */
import { gitBackend } from '@berth/sim-vendor'

export interface GitServer { readonly port: number; /** As machines reach it. */ url(name: string): string; close(): Promise<void> }

/** Serves every repository below `root`, those whose name begins with `private` to whoever has the credential. */
export function startGitServer(root: string, credential?: { username: string; token: string }): GitServer {
  const secret = credential === undefined ? null : `Basic ${btoa(`${credential.username}:${credential.token}`)}`
  const fetch = (request: Request): Response | Promise<Response> => {
    if (secret !== null && new URL(request.url).pathname.startsWith('/private') && request.headers.get('authorization') !== secret) return new Response('who are you?', { status: 401, headers: { 'www-authenticate': 'Basic realm="git"' } })
    const name = /^\/(.+?)\.git\/info\/lfs\//.exec(new URL(request.url).pathname)?.[1]
    return name === undefined ? gitBackend(request, { root, path: new URL(request.url).pathname }) : lfs(name, request)
  }
  const lfs = createLfsHost(secret)
  const server = Bun.serve({ port: 0, hostname: '127.0.0.1', idleTimeout: 0, fetch })
  const port = server.port ?? 0
  return { port, url: (name) => `http://host.docker.internal:${port}/${name}`, close: () => server.stop(true) }
}

/** As hosts answer git-lfs: a place for each file, with a token in a header. What is stored is looked at by its hash. */
function createLfsHost(secret: string | null): (name: string, request: Request) => Promise<Response> {
  const files = new Map<string, Uint8Array>()
  const type = { 'content-type': 'application/vnd.git-lfs+json' }
  return async (name, request) => {
    const url = new URL(request.url)
    const rest = url.pathname.slice(`/${name}.git/info/lfs/`.length)
    if (rest === 'objects/batch') {
      const { operation, objects } = (await request.json()) as { operation: 'download' | 'upload'; objects: { oid: string; size: number }[] }
      const place = (oid: string, way: string) => ({ href: `${url.origin}/${name}.git/info/lfs/${way}/${oid}`, header: { Authorization: secret ?? 'none', 'x-lfs-token': `canary-lfs-${oid.slice(0, 8)}` } })
      return Response.json({ transfer: 'basic', objects: objects.map(({ oid, size }) => {
        if (operation === 'upload') return { oid, size, ...(files.has(`${name} ${oid}`) ? {} : { actions: { upload: place(oid, 'store'), verify: place(oid, 'verify') } }) }
        return files.has(`${name} ${oid}`) ? { oid, size, actions: { download: place(oid, 'store') } } : { oid, size, error: { code: 404, message: 'not here' } }
      }) }, { headers: type })
    }
    if (rest === 'locks/verify') return Response.json({ ours: [], theirs: [] }, { headers: type })
    const [, way, oid = ''] = /^(store|verify)\/([0-9a-f]{64})$/.exec(rest) ?? []
    if (request.headers.get('x-lfs-token') !== `canary-lfs-${oid.slice(0, 8)}`) return new Response('who are you?', { status: 403 })
    if (way === 'verify') return new Response(null, { status: files.has(`${name} ${oid}`) ? 200 : 404 })
    if (request.method === 'GET') return new Response(files.get(`${name} ${oid}`) as Uint8Array<ArrayBuffer> | undefined)
    const bytes = new Uint8Array(await request.arrayBuffer())
    if (new Bun.CryptoHasher('sha256').update(bytes).digest('hex') !== oid) return new Response('not what it says', { status: 422 })
    files.set(`${name} ${oid}`, bytes)
    return new Response(null, { status: 200 })
  }
}
