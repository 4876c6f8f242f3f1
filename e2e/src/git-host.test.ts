/** A private repository: cloned, fetched and pushed by a workspace that never holds the credential. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Workspace } from '@berth/wire'
import type { AuditRecord, GitHost } from '@berth/wire/git-access'
import { startGitServer, type GitServer } from './git-server.ts'
import { COMMAND, startProduct, type Product } from './product.ts'
import { secretsFound } from './secret-search.ts'

const TOKEN = 'longlived-canary-4f1d9a7c2b'
let root: string
let host: GitServer
let product: Product
let origin: string

function repository(name: string): void {
  const work = mkdtempSync(join(tmpdir(), 'berth-upstream-'))
  writeFileSync(join(work, 'ledger.txt'), `${name}\n`)
  const git = (...args: string[]): void => {
    const done = Bun.spawnSync(['git', '-c', 'user.name=Ada', '-c', 'user.email=ada@example.org', '-c', 'init.defaultBranch=main', ...args], { cwd: work, env: { PATH: process.env['PATH'] ?? '', HOME: work } })
    if (!done.success) throw new Error(done.stderr.toString())
  }
  git('init', '-q')
  git('add', '.')
  git('commit', '-qm', 'first')
  mkdirSync(root, { recursive: true })
  git('clone', '-q', '--bare', work, join(root, `${name}.git`))
  rmSync(work, { recursive: true, force: true })
}
const refs = (name: string): string => Bun.spawnSync(['git', '--git-dir', join(root, `${name}.git`), 'for-each-ref', '--format=%(refname)']).stdout.toString()
const inside = (script: string, exit: number | null = 0): Promise<{ exitCode: number; stdout: string; stderr: string }> => product.cli(['ssh', 'demo', `cd /workspace && ${script}`], { exit })

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'berth-hosts-'))
  for (const name of ['private-ledger', 'private-other', 'open']) repository(name)
  host = startGitServer(root, { username: 'x-access-token', token: TOKEN })
  origin = `http://127.0.0.1:${host.port}`
  product = startProduct()
  await product.cli(['provider', 'setup', 'local'])
  const kept = Bun.spawn([...COMMAND, 'git-host', 'add', origin, '--check', 'private-ledger', '--json'], { env: product.env, stdin: Buffer.from(`${TOKEN}\n`), stdout: 'pipe', stderr: 'inherit' })
  expect(JSON.parse(await new Response(kept.stdout).text()) as GitHost).toMatchObject({ origin, lastUsedAt: null })
  await product.json<Workspace>(['up', `${origin}/private-ledger.git`, '--provider', 'local', '--agent', 'plain', '--command', 'sleep 100000', '--name', 'demo', '-y', '--no-open'])
}, 120_000)
afterAll(async () => {
  await product?.close()
  await host?.close()
  rmSync(root, { recursive: true, force: true })
}, 60_000)

test('the workspace has the code and its people know the address, and nothing in it knows the credential', async () => {
  expect((await inside('cat ledger.txt; git config remote.origin.url; git log -1 --format=%an')).stdout).toBe(`private-ledger\n${origin}/private-ledger.git\nAda\n`)
  expect(await secretsFound(inside, TOKEN)).toEqual([])
}, 60_000)

test('it pushes its own branch, and no other, in words that git prints', async () => {
  const commit = 'git config user.name Ada && git config user.email ada@example.org && echo more >> ledger.txt && git commit -qam more'
  await inside(`${commit} && git push -q origin HEAD:refs/heads/berth/demo HEAD:refs/heads/berth/demo-2`)
  expect(refs('private-ledger')).toBe('refs/heads/berth/demo\nrefs/heads/berth/demo-2\nrefs/heads/main\n')
  const refused = await inside('git push origin HEAD:main HEAD:refs/heads/berth/demo-3', 1)
  expect(refused.stderr).toContain('only berth/demo and branches below that name can be pushed from this workspace')
  for (const ref of ['HEAD:refs/tags/v1', ':refs/heads/berth/demo', '+HEAD:refs/heads/berth/someone', 'HEAD:refs/heads/berth/demo/../main']) expect((await inside(`git push origin ${ref}`, null)).exitCode).not.toBe(0)
  expect(refs('private-ledger')).toBe('refs/heads/berth/demo\nrefs/heads/berth/demo-2\nrefs/heads/main\n')
  expect((await inside('git fetch -q origin && git rev-parse --abbrev-ref origin/berth/demo')).stdout).toBe('origin/berth/demo\n')
}, 60_000)

test('the gateway is its only way there: the machine itself reaches nothing', async () => {
  const past = await inside(`GIT_CONFIG_COUNT=0 git -c http.proxy= ls-remote ${origin}/open.git`, null)
  expect(past.exitCode).not.toBe(0)
  expect((await inside(`env -u http_proxy -u https_proxy -u HTTP_PROXY -u HTTPS_PROXY git ls-remote ${origin}/open.git`)).stdout).toContain('refs/heads/main')
}, 60_000)

test('another repository of the host it reads as a stranger, or not at all', async () => {
  expect((await inside(`git ls-remote ${origin}/open.git`)).stdout).toContain('refs/heads/main')
  expect((await inside(`git ls-remote ${origin}/private-other.git`, null)).stderr).toContain('did not let the server in')
  expect((await inside(`git push ${origin}/open.git HEAD:refs/heads/berth/demo`, null)).exitCode).not.toBe(0)
  expect(refs('open')).toBe('refs/heads/main\n')
}, 60_000)

test('each operation stands in the record, and a changed record is noticed', async () => {
  const { records, intact } = await product.json<{ records: AuditRecord[]; intact: boolean }>(['audit', '--verify', '--limit', '500'])
  expect(intact).toBe(true)
  const pushes = records.filter(({ action, subject }) => action === 'git.push' && subject.endsWith('/private-ledger'))
  expect(pushes.map(({ allowed }) => allowed).filter(Boolean)).toHaveLength(1)
  expect(pushes.find(({ allowed }) => allowed)?.refs.map(({ ref }) => ref)).toEqual(['refs/heads/berth/demo', 'refs/heads/berth/demo-2'])
  expect(pushes.filter(({ allowed }) => !allowed)).toHaveLength(4)
  expect(records.find(({ action }) => action === 'git-host.add')).toMatchObject({ subject: origin, allowed: true })
  expect(JSON.stringify(records)).not.toContain(TOKEN)
}, 60_000)

test('without the host it goes on, and reaches nothing there any more', async () => {
  await product.cli(['git-host', 'remove', origin])
  expect((await inside('git fetch origin', null)).exitCode).not.toBe(0)
  expect((await inside('git log --oneline | wc -l')).stdout.trim()).toBe('2')
}, 60_000)
