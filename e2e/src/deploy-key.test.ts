/** A labelled deploy key through a real workspace: a real sshd is the git host, and the key never comes in. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '@berth/testkit/free-ports'
import type { AuditRecord, DeployKey } from '@berth/wire/git-access'
import { serverLog, startProduct, type Product } from './product.ts'
import { secretsFound } from './secret-search.ts'

let product: Product
let root: string
let sshd: Bun.Subprocess | null = null
let key: DeployKey
const port = freePort()
const me = Bun.spawnSync(['id', '-un']).stdout.toString().trim()
const bare = (name = 'ledger'): string => join(root, `${name}.git`)
const url = (name = 'ledger'): string => `ssh://${me}@127.0.0.1:${port}${bare(name)}`
const inside = (script: string, exit: number | null = 0) => product.cli(['ssh', 'demo', `cd /workspace && ${script}`], { exit })
function git(...args: string[]): string {
  const { exitCode, stdout, stderr } = Bun.spawnSync(['git', '-c', 'user.name=Bo', '-c', 'user.email=bo@example.org', '--git-dir', bare(), ...args])
  if (exitCode !== 0) throw new Error(stderr.toString())
  return stdout.toString().trim()
}
/** The private half, as it lies on the server's disk while it is used. */
const seen = new Set<string>()
function lookForKeys(): void {
  const dir = join(product.home, 'pushes', 'keys')
  try {
    for (const name of readdirSync(dir)) seen.add(readFileSync(join(dir, name, 'identity'), 'utf8'))
  } catch { /* It was put away meanwhile. */ }
}
let looking: ReturnType<typeof setInterval>

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'berth-deploy-key-'))
  for (const name of ['ledger', 'other']) Bun.spawnSync(['git', 'init', '-q', '--bare', '--initial-branch=main', bare(name)])
  git('update-ref', 'refs/heads/main', git('commit-tree', '-m', 'over ssh', git('mktree')))
  if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 })
  Bun.spawnSync(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', join(root, 'host')])
  writeFileSync(join(root, 'authorized_keys'), '')
  chmodSync(join(root, 'authorized_keys'), 0o600)
  writeFileSync(join(root, 'sshd_config'), `ListenAddress 127.0.0.1:${port}\nHostKey ${join(root, 'host')}\nAuthorizedKeysFile ${join(root, 'authorized_keys')}\nPubkeyAuthentication yes\nPasswordAuthentication no\nStrictModes no\nUsePAM no\nPermitRootLogin prohibit-password\nPidFile none\n`)
  const started = Bun.spawn(['/usr/sbin/sshd', '-D', '-e', '-f', join(root, 'sshd_config')], { stdin: 'ignore', stdout: 'ignore', stderr: 'pipe' })
  sshd = started
  for await (const chunk of started.stderr) if (new TextDecoder().decode(chunk).includes('Server listening')) break
  product = startProduct()
  looking = setInterval(lookForKeys, 10)
  await product.cli(['provider', 'setup', 'local'])
}, 120_000)
afterAll(async () => {
  clearInterval(looking)
  await product?.close()
  sshd?.kill('SIGKILL')
  rmSync(root, { recursive: true, force: true })
}, 60_000)

test('a workspace clones by a key that a person added at the host', async () => {
  key = await product.json<DeployKey>(['deploy-key', 'add', url()])
  writeFileSync(join(root, 'authorized_keys'), `${key.publicKey}\n`)
  await product.cli(['up', url(), '--provider', 'local', '--agent', 'plain', '--command', 'sleep 100000', '--name', 'demo', '-y', '--no-open'])
  expect((await inside('git log -1 --format=%s')).stdout).toBe('over ssh\n')
  // People see the address that they know.
  expect((await inside('git config remote.origin.url')).stdout.trim()).toBe(url())
  expect((await product.cli(['deploy-key'])).stdout).toContain(url())
}, 120_000)

test('it fetches what is new, pushes its own branch and no other, and opens no other repository', async () => {
  await inside('git config user.name Agent && git config user.email agent@example.org && git commit -q --allow-empty -m "from the agent" && git push -q origin HEAD:refs/heads/berth/demo')
  expect(git('log', '-1', '--format=%s', 'berth/demo')).toBe('from the agent')
  expect((await inside('git push origin HEAD:refs/heads/main', null)).stderr).toContain('only berth/demo and branches below that name')
  git('update-ref', 'refs/heads/main', git('commit-tree', '-m', 'somebody else', '-p', 'main', 'main^{tree}'))
  await inside('git fetch -q origin')
  expect((await inside('git log -1 --format=%s origin/main')).stdout).toBe('somebody else\n')
  expect((await inside(`git ls-remote ${url('other')}`, null)).exitCode).not.toBe(0)
}, 120_000)

test('the key is nowhere inside, in no record and no log, and lies on the server only while it is used', async () => {
  const keys = [...seen]
  expect(keys.length).toBeGreaterThan(0)
  // The whole file, its longest line, and the seed itself.
  const lines = keys.flatMap((file) => file.split('\n').filter((line) => line.length > 60))
  expect(lines.length).toBeGreaterThan(0)
  expect(await secretsFound(inside, ...lines)).toEqual([])
  expect((await inside('ls -la ~/.ssh 2>/dev/null; env | grep -c SSH_AUTH_SOCK', null)).stdout).not.toContain('identity')
  expect((await inside('ssh-add -l', null)).exitCode).not.toBe(0)
  const { records } = await product.json<{ records: AuditRecord[] }>(['audit'])
  expect(records.filter(({ action }) => action === 'git.push').map(({ allowed }) => allowed)).toEqual([false, true])
  const everywhere = JSON.stringify(records) + serverLog(product.home)
  for (const line of lines) expect(everywhere).not.toContain(line)
  expect(readdirSync(join(product.home, 'pushes', 'keys'))).toEqual([])
}, 60_000)
