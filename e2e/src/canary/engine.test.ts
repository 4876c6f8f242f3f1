/**
 * The same where the machine has a Docker engine of its own. Whoever may talk to that engine is its root: so the hostile
 * program runs as that, with all that the engine itself may do, its files below `/all`, in the network of the machine.
 */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { randomBytes } from 'node:crypto'
import type { Workspace } from '@berth/wire'
import { serversIn, tell } from './hunt.ts'
import { startCanaryWorld, type CanaryWorld } from './world.ts'

const UP_MS = 400_000
let world: CanaryWorld
let workspace: Workspace

/** No registry: an image of the machine's own python and git, and what they load. */
const IMAGE = `set -e
python=$(readlink -f "$(command -v python3)"); library=/usr/lib/$(basename "$python")
{ for program in python3 git sh sleep; do command -v "$program"; ldd "$(command -v "$program")" | grep -o '/[^ ]*'; done; echo "$library"; find "$library/lib-dynload" -name '*.so' -exec ldd {} + | grep -o '/[^ :)]*' | grep '\\.so' | grep -v "^$library"; } | sort -u > /tmp/list
tar --create --dereference --hard-dereference --absolute-names --exclude='*/test' --exclude='*/__pycache__' --files-from /tmp/list | docker import - thief > /dev/null`
const AS_ENGINE = ['docker', 'run', '--rm', '--interactive', '--network', 'host', '--pid', 'host', '--cap-add', 'SYS_ADMIN', '--cap-add', 'NET_ADMIN', '--volume', '/:/all', '--env', 'PATH=/usr/sbin:/usr/bin:/sbin:/bin', 'thief']
const inside = (...argv: string[]): ReturnType<CanaryWorld['at']['product']['cli']> => world.at.product.cli(['run', 'engine', '--', ...argv])

/** What it may do is more than to look: these are gone. */
async function takeDown(): Promise<void> {
  const { stdout } = await inside(...AS_ENGINE, 'python3', '-c', 'import os; os.chroot("/all"); os.execv("/bin/sh", ["sh", "-c", "iptables -F; iptables -t mangle -F; iptables -S; iptables -t mangle -S"])')
  expect(stdout).toContain('-N BERTH')
  expect(stdout).not.toMatch(/-j (?:REJECT|DROP)/)
}
const ask = async (host: string, port: number): Promise<string> => (await inside('python3', '-c', `import socket\ntry: socket.create_connection((${JSON.stringify(host)}, ${port}), 3); print("reached")\nexcept OSError as error: print(type(error).__name__)`)).stdout.trim()

beforeAll(async () => {
  world = await startCanaryWorld()
  workspace = await world.up('engine', ['--provider', 'docker', '--docker'])
  expect(workspace.exposures).toEqual([])
  await inside('sh', '-c', IMAGE)
}, UP_MS)
afterAll(() => world?.close(), 120_000)

test('beside an engine of its own the agent comes to no secret', async () => {
  const { finds, places } = await world.hunt('engine')
  expect(tell(finds)).toBe('nothing')
  expect(places.filter((place) => place.startsWith('network'))).toEqual([])
}, UP_MS)

test('metadata, the host and its networks are refused to the agent, by walls that the root of its engine takes down', async () => {
  const listener = Bun.serve({ hostname: '0.0.0.0', port: 0, fetch: () => new Response('host') })
  const port = listener.port ?? 0
  try {
    for (const host of ['169.254.169.254', '10.0.0.1', 'host.docker.internal']) expect([host, await ask(host, port)]).toEqual([host, 'ConnectionRefusedError'])
    await takeDown()
    expect(await ask('host.docker.internal', port)).toBe('reached')
  } finally {
    await listener.stop(true)
  }
}, UP_MS)

test('with the walls taken down, another workspace beside it is not reached all the same', async () => {
  await world.up('beside', ['--provider', 'docker'])
  const beside = (...argv: string[]) => world.at.product.cli(['run', 'beside', '--', ...argv])
  await beside('sh', '-c', 'setsid python3 -m http.server --bind 0.0.0.0 8765 > /dev/null 2>&1 < /dev/null & until curl -sf -o /dev/null http://127.0.0.1:8765/; do sleep 0.1; done')
  const [address = ''] = (await beside('hostname', '-I')).stdout.trim().split(' ')
  expect((await beside('curl', '-s', '-o', '/dev/null', '-w', '%{http_code}', `http://${address}:8765/`)).stdout).toBe('200')
  expect(await ask(address, 8765)).not.toBe('reached')
}, UP_MS)

test('as root of that engine, with the walls taken down, the agent comes to no secret and to nothing of the server', async () => {
  await takeDown()
  const { finds, places } = await world.hunt('engine', { by: AS_ENGINE, skipped: ['/all/proc', '/all/sys', '/all/usr', '/all/var/lib/docker'] })
  expect(tell(finds)).toBe('nothing')
  // It was the engine's root: it has that engine's memory and files.
  for (const own of [/^memory \d+ dockerd/, /^file \/all\/run\/berth-docker\/ready/, /^file \/all\/etc\/shadow/]) expect(places.filter((place) => own.test(place))).not.toEqual([])
  expect(serversIn(places)).toEqual([])
}, UP_MS)

test('where a person puts a token beside an engine, the same search finds it', async () => {
  const token = `ghp_${randomBytes(24).toString('base64url')}`
  await world.up('control', ['--provider', 'docker', '--docker', '--env', `GITHUB_TOKEN=${token}`])
  const { finds } = await world.hunt('control', { secrets: { plain: token } })
  expect(finds.filter(({ name }) => name !== 'plain')).toEqual([])
  expect(finds.some(({ from }) => /^environment \d+ sleep$/.test(from))).toBe(true)
}, UP_MS)
