/**
 * `--docker` with the real engine: compose inside a machine, a port of its service as a preview, what stays over a stop
 * and what is left after a delete. No registry: the image inside is one program of this host.
 */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { StoredEvent, Workspace } from '@berth/wire'
import type { Preview } from '@berth/wire/previews'
import { eventually, startProduct, type Product } from '../product.ts'

/** The first machine may wait for the engine's image to be made. */
const UP_MS = 400_000
const BUSYBOX = Bun.which('busybox')
const COMPOSE = `services:
  site:
    image: shell
    command: ["sh", "-c", "mkdir -p /www && cp /code/page /www/index.html && httpd -f -p 80 -h /www"]
    ports: ["8123:80"]
    volumes: [".:/code:ro", "kept:/kept"]
    depends_on: [store]
    stop_signal: SIGKILL
  store:
    image: shell
    command: ["sleep", "100000"]
    stop_signal: SIGKILL
volumes:
  kept:
`

let product: Product
let dir = ''
let workspace: Workspace

interface Listed { readonly Names: string[]; readonly State: string; readonly Labels: Record<string, string> }
const engine = (path: string, init: RequestInit = {}) => fetch(`http://docker/v1.41${path}`, { ...init, unix: '/var/run/docker.sock' })
const mine = encodeURIComponent(JSON.stringify({ label: ['dev.berth.workspace'] }))
const containers = async (): Promise<Listed[]> => ((await (await engine(`/containers/json?all=1&filters=${mine}`)).json()) as Listed[]).filter(({ Labels }) => Labels['dev.berth.workspace'] === workspace.id)
const volumes = async (): Promise<string[]> => ((await (await engine(`/volumes?filters=${mine}`)).json()) as { Volumes: { Name: string }[] | null }).Volumes?.map(({ Name }) => Name).filter((name) => name.includes(workspace.id)) ?? []
const run = async (script: string): Promise<string> => (await product.cli(['run', 'inside', '--', 'sh', '-c', script])).stdout
async function noticesOf(name: string): Promise<{ code?: string; level?: string }[]> {
  const found = (await product.json<Workspace[]>(['list'])).find((one) => one.name === name)
  const { events } = (await (await product.fetch(`/api/v1/workspaces/${found?.id}/events?after=0&limit=500`)).json()) as { events: StoredEvent[] }
  return events.map(({ body }) => body as { code?: string; level?: string })
}
const site = () => run('curl -s --max-time 5 http://127.0.0.1:8123/')

beforeAll(async () => {
  product = startProduct()
  dir = mkdtempSync(join(tmpdir(), 'berth-inside-'))
  writeFileSync(join(dir, 'compose.yaml'), COMPOSE)
  writeFileSync(join(dir, 'page'), 'hello from compose\n')
  // The program is in the code: that is how an image comes in without a registry.
  await Bun.write(join(dir, 'busybox'), Bun.file(BUSYBOX ?? ''))
  workspace = await product.json<Workspace>(['up', dir, '--name', 'inside', '--provider', 'docker', '--docker', '--agent', 'plain', '--command', 'sleep 100000', '--no-open'])
}, UP_MS)

afterAll(async () => {
  await product.close()
  rmSync(dir, { recursive: true, force: true })
}, 60_000)

test('docker compose up works for the agent, and its port is a preview', async () => {
  expect(workspace.phase).toBe('running')
  expect(await run('id -u; docker version --format "{{.Server.Os}}"; docker compose version --short | cut -c1-2')).toMatch(/^1000\nlinux\nv?\d/)
  await run('mkdir -p root/bin && cp busybox root/bin/ && chmod +x root/bin/busybox && for name in sh httpd sleep mkdir cp cat; do ln -sf busybox root/bin/$name; done && tar -C root -c . | docker import - shell')
  const up = await product.cli(['run', 'inside', '--', 'docker', 'compose', 'up', '-d'])
  expect(up.stderr + up.stdout).toContain('Started')
  expect(await eventually(site, 'the site')).toBe('hello from compose\n')
  const found = await eventually(async () => (await product.json<Preview[]>(['ports', 'inside'])).find(({ port, listening }) => port === 8123 && listening), 'the preview of the service')
  expect(new URL(found.url).hostname).toBe('8123--inside.localhost')
  // Services reach each other by name.
  expect(await run('docker compose exec -T site cat /etc/resolv.conf')).toContain('127.0.0.11')
}, UP_MS)

test('a person is warned, and the host\'s own engine is nowhere in it', async () => {
  expect(await noticesOf('inside')).toContainEqual(expect.objectContaining({ code: 'docker_inside', level: 'warning' }))
  const all = await containers()
  expect(all).toHaveLength(2)
  for (const { Names } of all) {
    const whole = (await (await engine(`/containers/${Names[0]?.slice(1)}/json`)).json()) as { HostConfig: { Privileged: boolean; CapAdd: string[] | null; PidMode: string }; Mounts: { Type: string; Source: string }[] }
    expect(whole.HostConfig.Privileged).toBe(false)
    expect(whole.HostConfig.PidMode).toBe('')
    expect(JSON.stringify(whole.Mounts)).not.toContain('docker.sock')
    // The rights are the engine's alone: the machine has those of every machine.
    expect(whole.HostConfig.CapAdd?.includes('SYS_ADMIN')).toBe(Names[0]?.endsWith('-docker') ?? false)
  }
  // Nor does it find the disks or the containers of this host.
  expect(await run('docker ps --format "{{.Image}}" | sort -u')).toBe('shell\n')
  expect(await run('docker run --rm -v /:/all shell sh -c "cat /all/var/lib/berth/boot.json 2>/dev/null; cat /all/etc/os-release /all/run/berth-docker/ready > /dev/null && echo looked"')).toBe('looked\n')
  expect((await product.cli(['run', 'inside', '--', 'docker', 'run', '--rm', '--privileged', 'shell', 'sh'], { exit: null })).exitCode).not.toBe(0)
}, UP_MS)

test('its network is not closed while it runs, and what was refused is not told as what holds', async () => {
  const refused = await product.cli(['egress', 'inside', '--mode', 'none'], { exit: null })
  expect([refused.exitCode === 0, refused.stderr]).toEqual([false, expect.stringContaining('could take down the walls around it')])
  const { policy } = (await (await product.fetch(`/api/v1/workspaces/${workspace.id}/egress`)).json()) as { policy: { mode: string } }
  expect(policy.mode).toBe('open')
}, UP_MS)

test('a stop ends it all, a start brings back what it had', async () => {
  await run('docker compose exec -T site sh -c "echo stays > /kept/file"')
  await product.cli(['stop', 'inside', '--wait'])
  expect((await containers()).map(({ State }) => State)).toEqual(['exited', 'exited'])
  await product.cli(['start', 'inside'])
  await run('docker compose up -d')
  expect(await eventually(site, 'the site')).toBe('hello from compose\n')
  expect(await run('docker compose exec -T site cat /kept/file')).toBe('stays\n')
}, UP_MS)

test('the agent becomes root where a person said so, and nowhere else', async () => {
  const refused = await product.cli(['run', 'inside', '--', 'sudo', '-n', 'id', '-u'], { exit: null })
  expect(refused.exitCode).not.toBe(0)
  const said = await product.cli(['up', dir, '--name', 'root', '--provider', 'docker', '--sudo', '--agent', 'plain', '--command', 'sleep 100000', '--no-open'])
  expect(said.stdout + said.stderr).toContain('the agent may become root in its machine')
  expect((await product.cli(['run', 'root', '--', 'sh', '-c', 'id -u; sudo -n sh -c "id -u; touch /usr/local/mine && stat -c %U /usr/local/mine"; stat -c %U .'])).stdout).toBe('1000\n0\nroot\ndev\n')
  expect(await noticesOf('root')).toContainEqual(expect.objectContaining({ code: 'sudo', level: 'warning' }))
}, UP_MS)

test('a delete leaves nothing', async () => {
  expect((await volumes()).length).toBe(5)
  await product.cli(['delete', 'inside', '-y'])
  await eventually(async () => (await containers()).length === 0 && (await volumes()).length === 0, 'nothing of it with the engine')
}, UP_MS)

test('a provider without an engine says so before anything is made', async () => {
  const refused = await product.cli(['up', dir, '--name', 'no', '--provider', 'local', '--docker', '--agent', 'plain', '--command', 'sleep 100', '--no-open', '-y'], { exit: null })
  expect(refused.exitCode).not.toBe(0)
  expect(refused.stderr).toContain('a machine of local cannot have a Docker engine of its own')
  expect(refused.stderr).toContain('--provider docker')
}, UP_MS)
