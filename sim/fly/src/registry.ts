/**
 * The registry of images: the real one of Debian (`docker-registry`, of the distribution project) behind the vendor's door. Who
 * asks shows the organization's token as a password, and puts images under the names of its own apps alone.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { docker } from '@berth/sim-machine'
import type { World } from './world.ts'

export interface RegistryFault { readonly method: string; readonly path: RegExp; /** Answers in its place, or after what was asked for was done. */ readonly status: number; readonly after?: boolean }
export interface FlyRegistry {
  /** As images are named by it. */
  readonly host: string
  /** The same without its door; for what a test puts there itself. */
  readonly behind: string
  /** Each is for one request. */
  readonly faults: RegistryFault[]
  /** `PUT /v2/…`, the oldest first. */
  readonly asked: readonly string[]
  /** Where a host of machines reads it, who need show nothing. Null: this is no image of here. */
  inside(image: string): string | null
  close(): Promise<void>
}

const UP_TRIES = 200
const REALM = 'fly'
const UNAUTHORIZED = JSON.stringify({ errors: [{ code: 'UNAUTHORIZED', message: 'authentication required' }] })

/** `tokens`: it sends whoever asks to a place that gives tokens, instead of taking the password itself. */
export async function startFlyRegistry(world: Pick<World, 'tokens' | 'apps'>, { tokens = false }: { tokens?: boolean } = {}): Promise<FlyRegistry> {
  const dir = await mkdtemp(join(tmpdir(), 'sim-fly-registry-'))
  const port = freePort()
  const behind = `127.0.0.1:${port}`
  await writeFile(join(dir, 'config.yml'), JSON.stringify({ version: '0.1', log: { level: 'error' }, storage: { filesystem: { rootdirectory: join(dir, 'data') }, delete: { enabled: true } }, http: { addr: behind, relativeurls: true } }))
  const child = Bun.spawn(['docker-registry', 'serve', join(dir, 'config.yml')], { stdin: 'ignore', stdout: 'ignore', stderr: Bun.file(join(dir, 'log')) })
  await answers(`http://${behind}/v2/`)
  const faults: RegistryFault[] = []
  const asked: string[] = []
  const given = new Map<string, string>()
  const server: Bun.Server<undefined> = Bun.serve({
    hostname: '127.0.0.1', port: 0, maxRequestBodySize: Number.MAX_SAFE_INTEGER, idleTimeout: 0,
    async fetch(request): Promise<Response> {
      const { pathname, search } = new URL(request.url)
      if (pathname === '/token') return giveToken(request)
      asked.push(`${request.method} ${pathname}`)
      const org = orgOf(request)
      if (org === null) return new Response(UNAUTHORIZED, { status: 401, headers: { 'www-authenticate': tokens ? `Bearer realm="http://127.0.0.1:${server.port}/token",service="${REALM}",scope="repository:${pathname.split('/')[2]}:pull,push"` : `Basic realm="${REALM}"` } })
      const app = /^\/v2\/([^/]+)\/(?:manifests|blobs)\//.exec(pathname)?.[1]
      if (app === undefined || world.apps.get(app)?.org !== org) return new Response(JSON.stringify({ errors: [{ code: 'NAME_UNKNOWN', message: 'app repository not found' }] }), { status: 404 })
      const at = faults.findIndex(({ method, path }) => method === request.method && path.test(pathname))
      const [fault] = at === -1 ? [] : faults.splice(at, 1)
      const failed = fault === undefined ? null : new Response('{}', { status: fault.status })
      if (failed !== null && fault?.after !== true) return failed
      const answer = await passOn(request, `http://${behind}${pathname}${search}`)
      if (failed === null) return answer
      await answer.body?.cancel()
      return failed
    },
  })
  const passwordOf = (request: Request): string => /^x:(\S+)$/.exec(Buffer.from(/^Basic (\S+)$/.exec(request.headers.get('authorization') ?? '')?.[1] ?? '', 'base64').toString('utf8'))?.[1] ?? ''
  const orgOf = (request: Request): string | null => (tokens ? given.get(/^Bearer (\S+)$/.exec(request.headers.get('authorization') ?? '')?.[1] ?? '') : world.tokens.get(passwordOf(request))?.org) ?? null
  const giveToken = (request: Request): Response => {
    const org = world.tokens.get(passwordOf(request))?.org
    if (org === undefined) return new Response(UNAUTHORIZED, { status: 401 })
    const token = crypto.randomUUID()
    given.set(token, org)
    return Response.json({ token })
  }
  const host = `127.0.0.1:${server.port}`
  const read = new Set<string>()
  return {
    host, behind, faults, asked,
    inside(image) {
      if (!image.startsWith(`${host}/`)) return null
      const name = `${behind}${image.slice(host.length)}`
      read.add(name)
      return name
    },
    async close() {
      for (const name of read) await docker(['image', 'rm', name], { mayFail: true })
      await server.stop(true)
      child.kill()
      await child.exited
      await rm(dir, { recursive: true, force: true })
    },
  }
}

async function passOn(request: Request, url: string): Promise<Response> {
  const headers = new Headers(request.headers)
  for (const name of ['authorization', 'host']) headers.delete(name)
  return fetch(url, { method: request.method, headers, redirect: 'manual', ...(request.body === null ? {} : { body: await request.blob() }) })
}

function freePort(): number {
  const listener = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data() {} } })
  const { port } = listener
  listener.stop(true)
  return port
}

async function answers(url: string): Promise<void> {
  for (let tries = 0; tries < UP_TRIES; tries += 1) {
    if (await fetch(url).then(({ ok }) => ok, () => false)) return
    await Bun.sleep(50)
  }
  throw new Error('docker-registry does not answer')
}
