/** Page, sockets, streams, links and previews through nginx and Caddy, by the files of deploy/, and through our own https. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { freePorts } from '@berth/testkit/free-ports'
import { joiningHandlers } from '@berth/wire/join-socket'
import type { StreamOpen } from '@berth/wire/daemon'
import { SOCKET_PATH } from '@berth/wire/live'
import type { Workspace } from '@berth/wire'
import { harness, message, type Harness as LinkWorld, type TestDaemon } from './link/test/harness.ts'
import { startHarness, type Harness } from './test/harness.ts'
import { curl, makeCertificate, startPebble, type Pebble } from './tls/testing.ts'

setDefaultTimeout(60_000)
const deploy = resolve(import.meta.dir, '../../../deploy')
const [PAGE, LINK, PREVIEW] = ['berth.example.org', 'link.berth.example.org', 'preview.example.net']
/** 7420 and the others of the files, here. */
interface Places { readonly page: number; readonly link: number; readonly previews: number }
interface Front { readonly port: number; /** What its certificates end in. */ readonly root: string; stop(): Promise<void> }

let pebble: Pebble
let own: Harness
let ownPort = 0
let b: Harness
let workspace: Workspace
let daemon: TestDaemon
let world: LinkWorld
let dev: Bun.Server<{ greet: string }>
let places: Places

beforeAll(async () => {
  const [httpPort = 0, linkPort = 0] = freePorts(2)
  ;[ownPort = 0] = freePorts(1)
  pebble = await startPebble({ httpPort })
  dev = Bun.serve<{ greet: string }>({
    port: 0, hostname: '127.0.0.1',
    fetch(request, server) {
      if (server.upgrade(request, { data: { greet: request.headers.get('host') ?? '' } })) return undefined
      return new Response(`dev of ${request.headers.get('host')}`)
    },
    websocket: { open: (socket) => void socket.send(`hello ${socket.data.greet}`), message: (socket, text) => void socket.send(`heard ${String(text)}`) },
  })
  b = await startHarness({
    publicUrl: `https://${PAGE}`, previews: { base: PREVIEW },
    tls: { listen: '127.0.0.1', port: ownPort, httpPort, acme: { directory: pebble.directory, caFile: pebble.caFile, dns: { command: [...pebble.dnsCommand] }, dnsServers: [pebble.dnsServer] } },
    linkUrl: `https://${LINK}`, linkPort,
  })
  own = b
  workspace = await b.create()
  await b.until(workspace.id, () => b.provider.machines().length > 0)
  world = await harness()
  daemon = await world.daemon({ workspaceId: workspace.id, generation: 1, bootToken: b.provider.machines()[0]?.boot.bootToken ?? '', linkUrl: b.server.linkUrl, onStream: toDevServer })
  while (!b.server.daemons.connected(workspace.id)) await Bun.sleep(10)
  await b.client.setPreview({ id: workspace.id, port: dev.port ?? 0, access: 'public' })
  places = { page: Number(new URL(b.server.url).port), link: linkPort, previews: Number(/:(\d+)$/.exec(await readFile(join(b.home, 'run', 'preview-port'), 'utf8').then((text) => `:${text.trim()}`))?.[1]) }
  // Beside the keys that pebble's harness keeps.
  await makeCertificate(pebble.dir, 'page', { names: [PAGE, LINK] })
  await makeCertificate(pebble.dir, 'preview', { names: [`*.${PREVIEW}`] })
})
afterAll(async () => {
  await world?.stop()
  await b?.close()
  await pebble?.stop()
  await dev?.stop(true)
})

/** As the daemon does it. */
function toDevServer(open: StreamOpen, stream: Parameters<typeof joiningHandlers>[0] & { abort(reason: string): void }): void {
  const { handlers } = joiningHandlers(stream)
  if (open.service !== 'tcp') return stream.abort('only ports here')
  Bun.connect({ hostname: '127.0.0.1', port: open.port, socket: handlers, allowHalfOpen: true }).catch(() => stream.abort('nothing listens'))
}

async function started(argv: readonly string[], env: Record<string, string>, at: { port: number; root: string }): Promise<Front> {
  const child = Bun.spawn([...argv], { stdin: 'ignore', stdout: 'ignore', stderr: Bun.file(join(pebble.dir, `${argv[0]}.said`)), env: { ...process.env, ...env } })
  const said = () => readFile(join(pebble.dir, `${argv[0]}.said`), 'utf8').catch(() => '')
  for (;;) {
    if (child.exitCode !== null) throw new Error(`${argv[0]} ended: ${await said()}`)
    if ((await curl(`https://${PAGE}:${at.port}/healthz`, { root: at.root })).status === '200') break
    await Bun.sleep(50)
  }
  return { ...at, async stop() { child.kill(); await child.exited } }
}

/** The file as it is, with the ports of this test and its certificates. */
async function nginx(): Promise<Front> {
  const [port = 0, httpPort = 0] = freePorts(2)
  const dir = join(pebble.dir, 'nginx')
  await mkdir(dir)
  const file = (await readFile(join(deploy, 'nginx/berth.conf'), 'utf8'))
    .replaceAll('listen 443 ', `listen 127.0.0.1:${port} `).replace('listen 80;', `listen 127.0.0.1:${httpPort};`)
    .replaceAll(':7420;', `:${places.page};`).replaceAll(':7430;', `:${places.link};`).replaceAll(':7480;', `:${places.previews};`).replaceAll('/etc/berth/tls/', `${pebble.dir}/`)
  await writeFile(join(dir, 'berth.conf'), file)
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${dir}/${name};`).join(' ')
  await writeFile(join(dir, 'nginx.conf'), `user root; daemon off; pid ${dir}/pid; error_log ${dir}/error.log; events {} http { access_log off; ${paths} include ${dir}/berth.conf; }`)
  const both = join(dir, 'root.pem')
  await writeFile(both, `${await readFile(join(pebble.dir, 'page.pem'), 'utf8')}${await readFile(join(pebble.dir, 'preview.pem'), 'utf8')}`)
  return started(['nginx', '-c', join(dir, 'nginx.conf'), '-e', join(dir, 'error.log')], {}, { port, root: both })
}

/** The file as it is: what stands in the global block is said beside it, and the places by its variables. */
async function caddy(): Promise<Front> {
  const [port = 0, httpPort = 0] = freePorts(2)
  const dir = join(pebble.dir, 'caddy')
  await mkdir(dir)
  await writeFile(join(dir, 'Caddyfile'), `{\n\tadmin off\n\thttp_port ${httpPort}\n\thttps_port ${port}\n\tdefault_bind 127.0.0.1\n\tlocal_certs\n\tskip_install_trust\n\tstorage file_system ${dir}\n}\nimport ${join(deploy, 'caddy/Caddyfile')}\n`)
  const root = join(dir, 'root.pem')
  await writeFile(root, '')
  const env = { HOME: dir, XDG_CONFIG_HOME: dir, XDG_DATA_HOME: dir, BERTH_PAGE: `127.0.0.1:${places.page}`, BERTH_LINK: `127.0.0.1:${places.link}`, BERTH_PREVIEWS: `127.0.0.1:${places.previews}`, BERTH_PREVIEW_CERT: join(pebble.dir, 'preview.pem'), BERTH_PREVIEW_KEY: join(pebble.dir, 'preview.key') }
  const own = (async () => {
    // Its own authority makes itself at the start.
    for (;;) {
      const text = await readFile(join(dir, 'pki/authorities/local/root.crt'), 'utf8').catch(() => null)
      if (text !== null) return writeFile(root, `${text}${await readFile(join(pebble.dir, 'preview.pem'), 'utf8')}`)
      await Bun.sleep(20)
    }
  })()
  const front = await started(['caddy', 'run', '--config', join(dir, 'Caddyfile'), '--adapter', 'caddyfile'], env, { port, root })
  await own
  return front
}

async function ourOwn(): Promise<Front> {
  while (!own.logged.some((line) => line.includes(`tls: *.${PREVIEW} has a certificate`))) await Bun.sleep(20)
  return { port: ownPort, root: pebble.rootFile, stop: async () => {} }
}

for (const [name, start] of [['nginx', nginx], ['caddy', caddy], ['our own https', ourOwn]] as const) {
  describe(name, () => {
    let front: Front
    beforeAll(async () => { front = await start() })
    afterAll(() => front?.stop())
    const url = (host: string, path: string) => `https://${host}:${front.port}${path}`
    const token = () => `authorization: Bearer ${b.server.token}`
    const ca = async () => readFile(front.root, 'utf8')

    /** A WebSocket to that name, verified. */
    async function socketTo(host: string, path: string, headers: Record<string, string> = {}) {
      const socket = new WebSocket(`wss://127.0.0.1:${front.port}${path}`, { headers: { host, ...headers }, tls: { ca: await ca(), serverName: host } } as unknown as string[])
      const heard: string[] = []
      let look = (): void => {}
      const opened = Promise.withResolvers<void>()
      socket.onopen = () => opened.resolve()
      socket.onerror = (event) => opened.reject(new Error(`no socket: ${(event as ErrorEvent).message}`))
      socket.onmessage = ({ data }) => { heard.push(String(data)); look() }
      await opened.promise
      return { socket, async hear(fits: (text: string) => boolean) { while (!heard.some(fits)) await new Promise<void>((resolve) => { look = resolve }) } }
    }

    test('the page and the API', async () => {
      const health = await curl(url(PAGE, '/health'), { root: front.root })
      expect([health.code, health.status, health.said]).toEqual([0, '200', ''])
      const list = await curl(url(PAGE, '/api/v1/workspaces'), { root: front.root, args: ['-H', token()] })
      expect([list.status, (JSON.parse(list.body) as Workspace[]).map(({ id }) => id)]).toEqual(['200', [workspace.id]])
      expect((await curl(url(PAGE, '/metrics'), { root: front.root })).status).toBe({ nginx: '403', caddy: '404', 'our own https': '401' }[name])
    })

    test('who guesses at a sign-in link cannot seem to be another each time', async () => {
      const guess = async (at: number): Promise<string> => {
        const forged = [`203.0.113.${at}`, `198.51.100.${at}, 203.0.113.${at}`].flatMap((address) => [`x-forwarded-for: ${address}`, `x-real-ip: ${address}`, `forwarded: for=${address}`])
        const answer = await curl(url(PAGE, '/sign-in'), { root: front.root, args: [...forged.flatMap((header) => ['-H', header]), '--data-urlencode', `code=guess${at}`] })
        return answer.status
      }
      const statuses: string[] = []
      for (let at = 1; at <= 9; at += 1) statuses.push(await guess(at))
      expect(statuses.at(-1)).toBe('429')
    })

    test('an event of a stream comes when it happens', async () => {
      const child = Bun.spawn(['curl', '-sSN', '--cacert', front.root, '--resolve', `${PAGE}:${front.port}:127.0.0.1`, '-H', token(), url(PAGE, `/api/v1/workspaces/${workspace.id}/stream?offset=now&live=sse`)], { stdout: 'pipe', stderr: 'inherit' })
      const reader = child.stdout.getReader()
      const text = new TextDecoder()
      let said = ''
      const until = async (what: string) => { while (!said.includes(what)) said += text.decode((await reader.read()).value, { stream: true }) }
      await until('event: control')
      daemon.journal.append(message(`through ${name}`))
      await until(`through ${name}`)
      child.kill()
      await child.exited
    })

    test('the socket of the page', async () => {
      const { socket, hear } = await socketTo(PAGE, SOCKET_PATH, { authorization: `Bearer ${b.server.token}` })
      socket.send(JSON.stringify({ type: 'list' }))
      await hear((text) => text.includes(workspace.id))
      socket.close()
    })

    test('a preview: its pages and its sockets', async () => {
      const host = `${dev.port}--${workspace.name}.${PREVIEW}`
      const page = await curl(url(host, '/'), { root: front.root })
      expect([page.code, page.status]).toEqual([0, '200'])
      expect(page.body).toStartWith(`dev of ${host}`)
      const { socket, hear } = await socketTo(host, '/hmr')
      await hear((text) => text.startsWith(`hello ${host}`))
      socket.send('you')
      await hear((text) => text === 'heard you')
      socket.close()
    })

    test('a machine elsewhere', async () => {
      const refused = await curl(url(LINK, '/nothing'), { root: front.root })
      expect([refused.code, refused.status]).toEqual([0, '404'])
      // It takes the connection, and says by its own code that it does not know the token.
      const { socket } = await socketTo(LINK, '/link/v1', { authorization: 'Bearer nobody' })
      const { code } = await new Promise<{ code: number }>((resolve) => { socket.onclose = resolve })
      expect(code).toBeGreaterThan(4000)
    })
  })
}
