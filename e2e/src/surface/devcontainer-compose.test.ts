/**
 * A devcontainer of compose services: compose itself reads the file, where there is nothing of this host; the service
 * that people work in becomes the machine, the others stand beside it and live and go with it.
 */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import type { StoredEvent, Workspace } from '@berth/wire'
import { eventually, startProduct, type Product } from '../product.ts'
import { makeProject } from './made-project.ts'

/** The first one may wait for the image that compose is in. */
const UP_MS = 400_000
const AGENT = ['--provider', 'docker', '--agent', 'plain', '--command', 'sleep 100000', '--no-open']
const NONCE = crypto.randomUUID()

let product: Product
/** A port of this host that its person opened to machines. */
let opened: Bun.Server<undefined>
let scratch = ''
let base = ''
const images = new Set<string>()

interface Listed { readonly Id: string; readonly Names: string[]; readonly State: string; readonly Image: string; readonly Labels: Record<string, string> }
interface Whole { readonly HostConfig: { Privileged: boolean; PidMode: string; NetworkMode: string; Memory: number; CapAdd: string[]; SecurityOpt: string[] }; readonly Mounts: { Type: string; Source: string; Destination: string; Name?: string }[] }
const engine = (path: string, init: RequestInit = {}) => fetch(`http://docker/v1.41${path}`, { ...init, unix: '/var/run/docker.sock' })
const labelled = encodeURIComponent(JSON.stringify({ label: ['dev.berth.workspace'] }))
async function containersOf({ id }: Workspace): Promise<Listed[]> {
  const found = ((await (await engine(`/containers/json?all=1&filters=${labelled}`)).json()) as Listed[]).filter(({ Labels }) => Labels['dev.berth.workspace'] === id)
  for (const { Image } of found) if (Image.startsWith('berth/devcontainer:')) images.add(Image)
  return found.toSorted((one, other) => (one.Names[0] ?? '').localeCompare(other.Names[0] ?? ''))
}
const volumesOf = async ({ id }: Workspace): Promise<string[]> => ((await (await engine(`/volumes?filters=${labelled}`)).json()) as { Volumes: { Name: string }[] | null }).Volumes?.map(({ Name }) => Name).filter((name) => name.includes(id)) ?? []
const wholeOf = async ({ Id }: Listed): Promise<Whole> => (await (await engine(`/containers/${Id}/json`)).json()) as Whole
async function noticesOf({ id }: Workspace): Promise<{ code: string; message: string; level: string; hint: string | null }[]> {
  const { events } = (await (await product.fetch(`/api/v1/workspaces/${id}/events?after=0&limit=500`)).json()) as { events: StoredEvent[] }
  return events.map(({ body }) => body as { type: string; code: string; message: string; level: string; hint: string | null }).filter(({ type }) => type === 'workspace.notice')
}
const run = async (name: string, script: string): Promise<string> => (await product.cli(['run', name, '--', 'sh', '-c', script])).stdout

const up = (dir: string, name: string, ...more: string[]): Promise<Workspace> => product.json<Workspace>(['up', dir, '--name', name, ...AGENT, ...more])

const SERVE = (port: number): string => `["python3", "-m", "http.server", "${port}", "--directory", "/site"]`
const compose = (): Record<string, string> => ({
  '.devcontainer/devcontainer.json': JSON.stringify({ dockerComposeFile: ['docker-compose.yml', '../more.yml'], service: 'app', workspaceFolder: '/workspaces/stack', remoteUser: 'pilot', shutdownAction: 'stopCompose', postCreateCommand: 'curl -s http://web:8000/index.html > ~/web; curl -s http://127.0.0.1:9000/index.html > ~/beside' }),
  '.devcontainer/Dockerfile': `ARG BASE\nFROM $BASE\nRUN useradd -m -u 1234 -s /bin/bash pilot && echo ${NONCE} > /who\n`,
  '.devcontainer/docker-compose.yml': `services:
  app:
    build: { context: .., dockerfile: .devcontainer/Dockerfile, args: { BASE: "\${IMAGE}" } }
    command: sleep infinity
    volumes: ["../..:/workspaces:cached"]
    environment: { FROM_COMPOSE: "\${GREETING:-hello}" }
    network_mode: service:beside
    depends_on: { web: { condition: service_healthy } }
  beside:
    image: "\${IMAGE}"
    command: ${SERVE(9000)}
    volumes: ["../site:/site:ro"]
`,
  'more.yml': `services:
  web:
    image: "\${IMAGE}"
    env_file: [../web.env]
    command: ["sh", "-c", "mkdir -p /kept; [ -f /kept/first ] || echo $\${VALUE} > /kept/first; cd /site; exec python3 -m http.server 8000"]
    user: "0:0"
    restart: unless-stopped
    volumes: ["../site:/site:ro", "kept:/kept", "..:/code:ro"]
    mem_limit: 200m
    healthcheck: { test: ["CMD", "test", "-f", "/kept/first"], interval: 1s, retries: 30 }
  extra:
    image: nothing-of-this-name
    profiles: [extra]
volumes:
  kept:
`,
  'web.env': `VALUE=${NONCE}\n`, '.devcontainer/.env': `IMAGE=${base}\n`, 'site/index.html': 'the page\n',
})

beforeAll(async () => {
  product = startProduct()
  opened = Bun.serve({ hostname: '0.0.0.0', port: 0, fetch: () => new Response('opened') })
  mkdirSync(join(product.home, 'providers'), { recursive: true })
  writeFileSync(join(product.home, 'providers/docker.yaml'), `hostPorts: [${opened.port}]\n`)
  scratch = mkdtempSync(join(tmpdir(), 'berth-compose-'))
  const [plain] = await containersOf(await up(makeProject(join(scratch, 'plain'), { 'README.md': 'plain' }), 'plain'))
  base = plain?.Image ?? ''
}, UP_MS)

afterAll(async () => {
  await product.close()
  await opened.stop(true)
  // The containers of deleted workspaces may still be on their way out.
  for (const image of images) await eventually(async () => [200, 404].includes((await engine(`/images/${image}`, { method: 'DELETE' })).status), `${image} is removed`)
  rmSync(scratch, { recursive: true, force: true })
}, 60_000)

let stack: Workspace
test('the service is the machine, the others are beside it, reached by name, before the project\'s commands run', async () => {
  stack = await up(makeProject(join(scratch, 'stack'), compose()), 'stack')
  expect((await noticesOf(stack)).find(({ level }) => level === 'error')).toBeUndefined()
  expect(await run('stack', 'id -un; cat /who; echo $FROM_COMPOSE; cat ~/web ~/beside; readlink /workspaces/stack')).toBe(`pilot\n${NONCE}\nhello\nthe page\nthe page\n/workspace\n`)
  const found = await containersOf(stack)
  expect(found.map(({ Names }) => Names[0]?.replace(/^.*-g1/, ''))).toEqual(['', '-network-web', '-service-beside', '-service-web'])
  const [machine, network, beside, web] = await Promise.all(found.map(wholeOf))
  expect(beside?.HostConfig.NetworkMode).toBe(`container:${found[0]?.Id}`)
  expect(network?.HostConfig).toMatchObject({ NetworkMode: machine?.HostConfig.NetworkMode, Privileged: false })
  expect(web?.HostConfig).toMatchObject({ NetworkMode: `container:${found[1]?.Id}`, Memory: 200 * 1024 ** 2, Privileged: false, SecurityOpt: ['no-new-privileges'] })
  expect((await noticesOf(stack)).find(({ code }) => code === 'devcontainer_ignored')?.message).toContain('services.web.volumes')
}, UP_MS)

test('a service stands behind the walls of its machine, from before its first program', async () => {
  const onHost = Bun.serve({ hostname: '0.0.0.0', port: 0, fetch: () => new Response('the host') })
  try {
    const [machine, network, , web] = await containersOf(stack)
    const { NetworkMode } = (await wholeOf(machine as Listed)).HostConfig
    const { Networks } = ((await (await engine(`/containers/${network?.Id}/json`)).json()) as { NetworkSettings: { Networks: Record<string, { Gateway: string }> } }).NetworkSettings
    const gateway = Object.values(Networks)[0]?.Gateway ?? ''
    const hosts = [...new Set([gateway, ...Object.values(networkInterfaces()).flat().flatMap((one) => (one?.family === 'IPv4' && !one.internal ? [one.address] : []))])]
    const docker = async (...args: string[]): Promise<string> => {
      const child = Bun.spawn(['docker', ...args], { stdin: 'ignore', stdout: 'pipe', stderr: 'ignore' })
      const [out] = await Promise.all([new Response(child.stdout).text(), child.exited])
      return out.trim()
    }
    const reached = (places: readonly string[]) => `import socket\nfor place in ${JSON.stringify(places)}:\n  host, port = place.split(' ')\n  try:\n    socket.create_connection((host, int(port)), 2); print(place)\n  except OSError: pass`
    const places = [...hosts.map((host) => `${host} ${onHost.port}`), '169.254.169.254 80', 'localhost 8000']
    // Control: what is in the same network without walls comes to the host.
    expect(await docker('run', '--rm', '--network', NetworkMode, '--entrypoint', 'python3', base, '-c', reached([`${gateway} ${onHost.port}`]))).toBe(`${gateway} ${onHost.port}`)
    expect(await docker('exec', web?.Id ?? '', 'python3', '-c', reached(places))).toBe('localhost 8000')
    // Also with the rights of root in it, they are not its to take down.
    expect(await docker('exec', '--user', '0:0', web?.Id ?? '', 'sh', '-c', 'iptables -F BERTH 2>&1 || grep CapEff /proc/self/status')).not.toMatch(/^$/)
    expect(await docker('exec', '--user', '0:0', web?.Id ?? '', 'python3', '-c', reached(places))).toBe('localhost 8000')
    expect(await run('stack', `curl -s http://web:8000/index.html`)).toBe('the page\n')
  } finally {
    await onHost.stop(true)
  }
}, UP_MS)

/** Asks the engine's name server in its own words, and connects to the places given. */
const TRIES = (places: readonly string[]): string => `import socket, struct
def ask(name, kind=1, beside=b''):
  asked = b''.join(bytes([len(part)]) + part.encode() for part in name.split('.'))
  query = struct.pack('>HHHHHH', 7, 256, 1, 0, 0, 1 if beside else 0) + asked + struct.pack('>BHH', 0, kind, 1) + beside
  peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); peer.settimeout(10); peer.connect(('127.0.0.11', 53))
  try: return 'answered' if peer.send(query) and peer.recv(512) else 'nothing'
  except (PermissionError, ConnectionRefusedError): return 'refused'
  except OSError as error: return type(error).__name__
edns = struct.pack('>BHHIH', 0, 41, 1232, 0, 0)
for asked in (('web',), ('web', 28), ('web', 1, edns), ('web', 16), ('webs',), ('exfil.web',), ('web.exfil.example',), ('exfil.example',), ('web', 1, edns + b'exfil')):
  print(asked[0], *asked[1:2], ask(*asked))
for place in ${JSON.stringify(places)}:
  host, port = place.split(' ')
  try: socket.create_connection((host, int(port)), 2); print(place)
  except OSError: pass`
const ANSWERED = 'web answered\nweb 28 answered\nweb 1 answered\n'
const REFUSED = ['web 16', 'webs', 'exfil.web', 'web.exfil.example', 'exfil.example', 'web 1'].map((asked) => `${asked} refused\n`).join('')

test('closed while it runs, its services are reached by their names, and nothing else by them or by it', async () => {
  const networkOf = async (one: Listed | undefined) => Object.values(((await (await engine(`/containers/${one?.Id}/json`)).json()) as { NetworkSettings: { Networks: Record<string, { Gateway: string; IPAddress: string }> } }).NetworkSettings.Networks)[0]
  const tried = async (): Promise<{ machine: string; web: string }> => {
    const [, , , web] = await containersOf(stack)
    const [machine, held] = (await containersOf(stack)).slice(0, 2)
    const { Gateway = '', IPAddress = '' } = await networkOf(machine) ?? {}
    const places = [`${Gateway} ${opened.port}`, '1.1.1.1 53', `${IPAddress} 9000`, `${(await networkOf(held))?.IPAddress} 8000`]
    const program = TRIES(places)
    const inWeb = Bun.spawn(['docker', 'exec', '--user', '0:0', web?.Id ?? '', 'python3', '-c', program], { stdin: 'ignore', stdout: 'pipe', stderr: 'inherit' })
    const clean = (said: string): string => said.replaceAll(`${Gateway} ${opened.port}`, 'host').replaceAll(`${IPAddress} 9000`, 'beside').replace(/\S+ 8000/, 'web')
    return { machine: clean((await product.cli(['run', 'stack', '--', 'python3', '-c', program])).stdout), web: clean(await new Response(inWeb.stdout).text()) }
  }
  // Control: before, the same program comes to the port that a person opened.
  const open = await tried()
  for (const said of Object.values(open)) expect(said).toContain('host\n')
  await product.cli(['egress', 'stack', '--mode', 'none'])
  const closed = { machine: `${ANSWERED}${REFUSED}beside\nweb\n`, web: `${ANSWERED}${REFUSED}beside\nweb\n` }
  expect(await tried()).toEqual(closed)
  expect(await run('stack', 'curl -s http://web:8000/index.html')).toBe('the page\n')
  await product.cli(['stop', 'stack', '--wait'])
  await product.cli(['start', 'stack'])
  await eventually(async () => (await run('stack', 'curl -s http://web:8000/index.html || true')) === 'the page\n', 'the service after the start')
  expect(await tried()).toEqual(closed)
  await product.cli(['egress', 'stack', '--mode', 'open'])
  for (const said of Object.values(await tried())) expect(said).toContain('host\n')
}, UP_MS)

test('all of it stops, starts with what it had, and is made anew by a rebuild', async () => {
  await product.cli(['stop', 'stack', '--wait'])
  expect(new Set((await containersOf(stack)).map(({ State }) => State))).toEqual(new Set(['exited']))
  await product.cli(['start', 'stack'])
  expect(await run('stack', 'curl -s http://web:8000/; curl -s http://127.0.0.1:9000/index.html')).toContain('the page')
  const before = (await containersOf(stack)).map(({ Id }) => Id)
  await run('stack', 'sed -i "s/the page/another page/" site/index.html && git -c user.name=t -c user.email=t@t commit -qam second')
  await product.cli(['rebuild', 'stack'], { withinMs: UP_MS })
  const after = await containersOf(stack)
  expect(after).toHaveLength(4)
  for (const { Id } of after) expect(before).not.toContain(Id)
  expect(await run('stack', 'curl -s http://web:8000/index.html; cat ~/web')).toBe('another page\nanother page\n')
}, UP_MS)

test('what reaches for the host is named and not done', async () => {
  const hostile = `services:
  app:
    image: "\${IMAGE}"
    privileged: true
    network_mode: host
    pid: host
    cap_add: [SYS_ADMIN]
    volumes: ["/:/host", "/var/run/docker.sock:/var/run/docker.sock"]
  other:
    image: "\${IMAGE}"
    command: ["sleep", "100000"]
    stop_signal: SIGKILL
    privileged: true
    ipc: host
    devices: ["/dev/null:/dev/x"]
    security_opt: ["seccomp=unconfined"]
    env_file: [/etc/passwd-of-nobody]
    volumes: ["/etc:/etc-of-host", "disk:/disk", "../../..:/above"]
volumes:
  disk: { driver_opts: { type: none, o: bind, device: / } }
`
  const files = (text: string) => ({ '.devcontainer/devcontainer.json': '{ "dockerComposeFile": "compose.yml", "service": "app" }', '.devcontainer/compose.yml': text, '.devcontainer/.env': `IMAGE=${base}\n` })
  // A file of this host is not there for compose either: the whole is refused, in its own words.
  const outside = await up(makeProject(join(scratch, 'outside'), files(hostile)), 'outside')
  expect((await noticesOf(outside)).find(({ code }) => code === 'devcontainer_failed')?.message).toContain('/etc/passwd-of-nobody')
  expect(await containersOf(outside)).toHaveLength(1)
  const workspace = await up(makeProject(join(scratch, 'hostile'), files(hostile.replace('    env_file: [/etc/passwd-of-nobody]\n', ''))), 'hostile')
  const refused = (await noticesOf(workspace)).find(({ code }) => code === 'devcontainer_refused')?.message ?? ''
  for (const key of ['services.app.privileged', 'services.app.network_mode: host', 'services.app.pid', 'services.app.cap_add: SYS_ADMIN', 'services.app.volumes: /:/host', 'services.app.volumes: /var/run/docker.sock', 'services.other.privileged', 'services.other.ipc', 'services.other.devices', 'services.other.security_opt: seccomp=unconfined', 'services.other.volumes: /etc:', 'services.other.volumes: disk:', 'services.other.volumes: /srv:/above']) expect(refused).toContain(key)
  const found = await containersOf(workspace)
  expect(found).toHaveLength(3)
  for (const one of found.filter(({ Names }) => !Names[0]?.includes('-network-'))) {
    const { HostConfig, Mounts } = await wholeOf(one)
    expect(HostConfig).toMatchObject({ Privileged: false, PidMode: '', SecurityOpt: ['no-new-privileges'] })
    expect(HostConfig.CapAdd).not.toContain('SYS_ADMIN')
    expect(HostConfig.NetworkMode).not.toBe('host')
    expect(HostConfig.CapAdd).not.toContain('NET_ADMIN')
    expect(Mounts.filter(({ Type }) => Type === 'bind').map(({ Destination }) => Destination).filter((path) => path !== '/opt/berth' && path !== '/var/lib/berth/link')).toEqual([])
  }
}, UP_MS)

test('a delete leaves neither containers nor volumes', async () => {
  expect((await volumesOf(stack)).length).toBe(4)
  await product.cli(['delete', 'stack', '-y'])
  await eventually(async () => (await containersOf(stack)).length === 0 && (await volumesOf(stack)).length === 0, 'nothing of it with the engine')
}, UP_MS)
