/** A host that is reached by ssh with a key of the server: a real sshd, real git on both sides, and a workspace that speaks http to the gateway. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '@berth/testkit/free-ports'
import { addDeployKey, sshPlace } from '../services/deploy-keys.ts'
import { openGitWorld } from './testing.ts'
import type { GatewayWorkspace, GitWorld, Ran } from './testing.ts'

let world: GitWorld
let sshd: Bun.Subprocess
let port = 0
let dir = ''
let workspace: GatewayWorkspace
const me = Bun.spawnSync(['id', '-un']).stdout.toString().trim()
const repository = (): string => join(dir, 'ledger.git')
const sshUrl = (): string => `ssh://${me}@127.0.0.1:${port}${repository()}`
const remote = (path = repository()): string => workspace.remote('x').replace(/upstream\/.*$/, `upstream/https/127.0.0.1${path}`)
const refs = (): string => Bun.spawnSync(['git', '--git-dir', repository(), 'for-each-ref', '--format=%(refname) %(subject)']).stdout.toString()

async function startSshd(): Promise<void> {
  if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 })
  Bun.spawnSync(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', join(dir, 'host')])
  writeFileSync(join(dir, 'authorized_keys'), '')
  chmodSync(join(dir, 'authorized_keys'), 0o600)
  writeFileSync(join(dir, 'sshd_config'), `ListenAddress 127.0.0.1:${port}\nHostKey ${join(dir, 'host')}\nAuthorizedKeysFile ${join(dir, 'authorized_keys')}\nPubkeyAuthentication yes\nPasswordAuthentication no\nStrictModes no\nUsePAM no\nPermitRootLogin prohibit-password\nPidFile none\n`)
  sshd = Bun.spawn(['/usr/sbin/sshd', '-D', '-e', '-f', join(dir, 'sshd_config')], { stdin: 'ignore', stdout: 'ignore', stderr: 'pipe' })
  for await (const chunk of sshd.stderr as ReadableStream<Uint8Array>) if (new TextDecoder().decode(chunk).includes('Server listening')) break
}
async function makeKey() {
  const { orgId } = await world.database.store.access.bootstrap(Date.now())
  return addDeployKey({ store: world.database.store, clock: { now: () => Date.now() }, daemons: { reassign: async () => {} }, log: () => {} }, { orgId }, sshUrl())
}
const must = async (ran: Promise<Ran>): Promise<string> => {
  const { code, text } = await ran
  if (code !== 0) throw new Error(text)
  return text
}

beforeAll(async () => {
  world = await openGitWorld()
  dir = mkdtempSync(join(world.root, 'ssh-'))
  port = freePort()
  await startSshd()
  world.repository('private-seed', { 'ledger.txt': 'over ssh\n' })
  Bun.spawnSync(['git', 'clone', '-q', '--bare', join(world.root, 'host', 'private-seed.git'), repository()])
  workspace = await world.workspace('demo', { source: { kind: 'git', url: sshUrl() } })
}, 60_000)
afterAll(async () => {
  sshd?.kill('SIGKILL')
  await world?.close()
}, 30_000)

test('an address is taken as ssh reads it, and nothing that is more than an address', () => {
  expect(sshPlace('git@git.example.org:o/r.git')).toEqual({ user: 'git', host: 'git.example.org', port: 22, url: 'git@git.example.org:o/r.git' })
  expect(sshPlace('ssh://git.example.org:2222/o/r.git')).toMatchObject({ port: 2222, url: 'ssh://git@git.example.org:2222/o/r.git' })
  for (const strange of ['https://git.example.org/o/r', '-oProxyCommand=x@h:o/r', 'git@-oProxyCommand:o/r', 'git@h:o/r;id', "git@h:o'r", 'ssh://git@h:99999/o/r', 'ssh://h', 'git@h:']) expect([strange, sshPlace(strange)]).toEqual([strange, null])
})

test('a key is made here and says nothing of itself; until the host knows it, nothing is read', async () => {
  const key = await makeKey()
  expect(key.publicKey).toStartWith('ssh-ed25519 ')
  expect(Object.keys(key)).not.toContain('seed')
  expect(key.hostFingerprints.join()).toContain(Bun.spawnSync(['ssh-keygen', '-lf', join(dir, 'host.pub')]).stdout.toString().split(' ')[1] ?? '-')
  expect((await workspace.git(world.root, 'ls-remote', remote())).text).toContain('did not let the deploy key in')
  writeFileSync(join(dir, 'authorized_keys'), `${key.publicKey}\n`)
  expect(await must(workspace.git(world.root, 'ls-remote', remote()))).toContain('refs/heads/main')
}, 30_000)

test('it clones, fetches what is new and pushes its own branch, and no key stays on the disk', async () => {
  const work = join(world.root, 'by-ssh')
  await must(workspace.git(world.root, 'clone', '-q', remote(), work))
  expect(await Bun.file(join(work, 'ledger.txt')).text()).toBe('over ssh\n')
  expect(await must(workspace.git(work, 'rev-parse', '--abbrev-ref', 'HEAD'))).toBe('main\n')
  await must(workspace.git(work, 'commit', '-q', '--allow-empty', '-m', 'from the agent'))
  await must(workspace.git(work, 'push', '-q', 'origin', 'HEAD:refs/heads/berth/demo'))
  expect(refs()).toContain('refs/heads/berth/demo from the agent')
  expect((await workspace.git(work, 'push', 'origin', 'HEAD:main')).text).toContain('only berth/demo')
  const before = refs()
  expect((await workspace.git(work, 'push', 'origin', ':refs/heads/main')).code).not.toBe(0)
  expect(refs()).toBe(before)
  const seed = join(world.root, 'person')
  await must(world.person(world.root, 'clone', '-q', repository(), seed))
  await must(world.person(seed, 'commit', '-q', '--allow-empty', '-m', 'somebody else'))
  await must(world.person(seed, 'push', '-q', 'origin', 'HEAD:main'))
  await must(workspace.git(work, 'fetch', '-q', 'origin'))
  expect(await must(workspace.git(work, 'log', '-1', '--format=%s', 'origin/main'))).toBe('somebody else\n')
  const keys = join(world.root, 'pushes', 'keys')
  expect(existsSync(keys) ? readdirSync(keys) : []).toEqual([])
  const pushes = (await world.audit()).filter(({ action }) => action === 'git.push')
  expect(pushes.map(({ allowed }) => allowed)).toEqual([true, false, false])
}, 60_000)

test('another repository there is not opened by it, and a host with another key is not spoken to', async () => {
  expect((await workspace.git(world.root, 'ls-remote', remote(join(dir, 'other.git')))).code).not.toBe(0)
  await world.database.sql`update deploy_keys set host_keys = replace(host_keys, 'AAAAC3', 'AAAAC4')`
  expect((await workspace.git(world.root, 'ls-remote', remote())).text).toContain('does not show the key that it had')
  await makeKey()
  // A new pair: the host does not know it yet.
  expect((await workspace.git(world.root, 'ls-remote', remote())).text).toContain('did not let the deploy key in')
}, 30_000)
