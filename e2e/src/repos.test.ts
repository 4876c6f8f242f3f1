/** Repositories that the server keeps for tasks: real git of a person, and of workspaces that are made of one. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { HOSTED_REFS } from '@berth/wire'
import type { Workspace } from '@berth/wire'
import type { AuditRecord } from '@berth/wire/git-access'
import type { HostedRepository, RepositoryToken } from '@berth/wire/hosted'
import { freePort } from '@berth/testkit/free-ports'
import { serverLog, startProduct } from './product.ts'
import type { Product } from './product.ts'

let product: Product
let root: string
let project: string
const QUOTA = 2_000_000
const port = freePort()
/** A name of their own, as a server gives it out that has one. */
const GIT_URL = `http://git.northquay.localhost:${port}`

interface Ran { readonly code: number; readonly text: string }
/** As a person's own git, with a password in its environment or none. */
async function git(cwd: string, args: readonly string[], password?: string): Promise<Ran> {
  const helper = `!f() { test "$1" = get && echo username=berth && echo "password=$GIT_PASSWORD"; }; f`
  const child = Bun.spawn(['git', '-c', 'user.name=Ada', '-c', 'user.email=ada@example.org', '-c', 'init.defaultBranch=main', ...(password === undefined ? [] : ['-c', 'credential.helper=', '-c', `credential.helper=${helper}`]), ...args], {
    cwd, stdin: 'ignore', stdout: 'pipe', stderr: 'pipe', env: { ...product.env, HOME: root, GIT_TERMINAL_PROMPT: '0', no_proxy: '*', ...(password === undefined ? {} : { GIT_PASSWORD: password }) },
  })
  const [out, err, code] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited])
  return { code, text: out + err }
}
const listed = async (name: string): Promise<HostedRepository | undefined> => (await product.json<HostedRepository[]>(['repos'])).find((each) => each.name === name && each.workspaceId === null)
const inside = (name: string, script: string, exit: number | null = 0) => product.cli(['ssh', name, `cd /workspace && ${script}`], { exit })
const audited = async (): Promise<AuditRecord[]> => (await product.json<{ records: AuditRecord[] }>(['audit'])).records

beforeAll(async () => {
  product = startProduct()
  root = mkdtempSync(join(tmpdir(), 'berth-repos-'))
  writeFileSync(join(product.home, 'config.yaml'), `port: ${port}\nhosting:\n  url: ${GIT_URL}\n  repositoryBytes: ${QUOTA}\n`)
  await product.cli(['provider', 'setup', 'local'])
  project = join(root, 'project')
  await git(root, ['init', '-q', project])
  writeFileSync(join(project, 'README.md'), 'ledger\n')
  await git(project, ['add', '-A'])
  await git(project, ['commit', '-qm', 'first'])
}, 120_000)
afterAll(async () => {
  await product?.close()
  if (root) rmSync(root, { recursive: true, force: true })
}, 60_000)

let url = ''
test('a repository is made, takes the code that is here, and git asks Berth for the password from then on', async () => {
  const made = await product.json<HostedRepository>(['repos', 'create', 'ledger', '.'], { cwd: project })
  url = made.url
  expect(url.replace(/repo_[0-9a-z]{12}/, 'ID')).toBe(`${GIT_URL}/ID/ledger.git`)
  expect(await git(project, ['fetch', 'berth'])).toMatchObject({ code: 0 })
  writeFileSync(join(project, 'README.md'), 'ledger in cents\n')
  await git(project, ['commit', '-qam', 'second'])
  expect(await git(project, ['push', '-q', 'berth', 'main'])).toMatchObject({ code: 0, text: '' })
  expect(await listed('ledger')).toMatchObject({ label: project, quotaBytes: QUOTA, unfetched: 0, endsAt: null, workspaces: [] })
  // Nothing that opens it stands in a file of git's.
  expect(readFileSync(join(project, '.git/config'), 'utf8')).not.toMatch(/berthgit_|Authorization|berth:[^/]/)
}, 60_000)

test('by that name there is git, and nothing that a browser could use; doctor says where it leads', async () => {
  const ask = (path: string) => fetch(`http://127.0.0.1:${port}${path}`, { headers: { host: `git.northquay.localhost:${port}`, accept: 'text/html' }, redirect: 'manual' })
  for (const path of ['/', '/sign-in/github', '/api/v1/workspaces', '/openapi.json']) {
    const answer = await ask(path)
    expect([path, answer.status, answer.headers.get('set-cookie')]).toEqual([path, 404, null])
  }
  expect((await ask(`${new URL(url).pathname}/info/refs?service=git-upload-pack`)).status).toBe(401)
  expect((await product.cli(['doctor'], { exit: null })).stdout).toContain(`${GIT_URL} leads here`)
}, 60_000)

test('a workspace made of it clones, pushes its own branch and nothing else, and the person fetches that', async () => {
  const workspace = await product.json<Workspace>(['up', url, '--provider', 'local', '--agent', 'plain', '--command', 'sleep 100000', '--name', 'counting', '-y', '--no-open'])
  expect((await inside('counting', 'cat README.md')).stdout).toBe('ledger in cents\n')
  await inside('counting', 'git config user.name Agent && git config user.email agent@example.org && echo total >> README.md && git commit -qam third && git push -q origin HEAD:refs/heads/berth/counting')
  expect((await inside('counting', 'git push origin HEAD:refs/heads/main', null)).stderr).toContain('only berth/counting and branches below that name')
  expect(await listed('ledger')).toMatchObject({ unfetched: 1, workspaces: ['counting'] })
  expect((await product.cli(['repos', 'remove', 'ledger'], { exit: null })).stderr).toContain('1 commit that nobody fetched')
  await git(project, ['fetch', '-q', 'berth'])
  expect((await git(project, ['log', '--format=%s', 'berth/berth/counting'])).text).toBe('third\nsecond\nfirst\n')
  expect(await listed('ledger')).toMatchObject({ unfetched: 0 })
  expect((await product.cli(['repos', 'remove', 'ledger'], { exit: null })).stderr).toContain('counting is made of ledger')
  const records = await audited()
  expect(records.find(({ action, allowed }) => action === 'git.push' && allowed)).toMatchObject({ workspaceId: workspace.id, subject: url.replace(/\.git$/, ''), refs: [{ ref: 'refs/heads/berth/counting' }] })
  // The password of the operation is nowhere inside.
  expect((await inside('counting', 'grep -rIl "berthpass_" .git ~ /proc/self/environ 2>/dev/null | head', null)).stdout).toBe('')
}, 120_000)

test('a protected workspace brings its branch when a person allows it', async () => {
  await product.cli(['git-access', 'counting', '--profile', 'protected', '--approval', 'none'])
  await inside('counting', 'echo protected >> README.md && git commit -qam fourth && git push -q origin HEAD:refs/heads/berth/counting')
  expect((await git(project, ['fetch', '-q', 'berth'])).code).toBe(0)
  expect((await git(project, ['log', '-1', '--format=%s', 'berth/berth/counting'])).text).toBe('fourth\n')
}, 60_000)

test('a password opens one repository, for reading or writing, until it is taken back', async () => {
  const other = await product.json<RepositoryToken>(['repos', 'create', 'other'])
  const reading = (await product.cli(['repos', 'token', 'ledger'])).stdout.trim()
  const into = (name: string) => join(root, name)
  expect(await git(root, ['clone', '-q', url, into('read')], reading)).toMatchObject({ code: 0 })
  await git(into('read'), ['commit', '-q', '--allow-empty', '-m', 'from elsewhere'])
  expect((await git(into('read'), ['push', 'origin', 'HEAD:refs/heads/elsewhere'], reading)).text).toContain('403')
  expect((await git(root, ['clone', '-q', other.url, into('foreign')], reading)).text).toMatch(/not found|404/)
  const writing = await product.json<RepositoryToken>(['repos', 'token', 'ledger', '--write', '--lasts', '10m'])
  expect(await git(into('read'), ['push', '-q', 'origin', 'HEAD:refs/heads/elsewhere'], writing.token)).toMatchObject({ code: 0 })
  expect((await git(into('read'), ['push', 'origin', 'HEAD:refs/heads/../x'], writing.token)).code).not.toBe(0)
  expect((await product.cli(['repos', 'revoke', 'ledger'])).stdout).toMatch(/\d passwords of ledger open nothing any more/)
  expect((await git(into('read'), ['fetch', 'origin'], writing.token)).code).not.toBe(0)
  const records = await audited()
  expect(records.filter(({ action }) => action === 'repository-token.revoke')).toHaveLength(1)
  // No password stands in the record, the log, an argument or a configuration.
  const everywhere = JSON.stringify(records) + serverLog(product.home) + readFileSync(join(into('read'), '.git/config'), 'utf8')
  for (const token of [reading, writing.token, other.token]) expect(everywhere).not.toContain(token)
}, 90_000)

test('a password of a workspace\'s own repository opens that alone, as its person, until it is taken back or the workspace is gone', async () => {
  const { id } = await product.json<Workspace>(['up', '.', '--provider', 'local', '--agent', 'plain', '--command', 'sleep 100000', '--name', 'own', '-y', '--no-open'], { cwd: project })
  const [reading, writing] = [await product.json<RepositoryToken>(['repos', 'token', 'own']), await product.json<RepositoryToken>(['repos', 'token', 'own', '--write'])]
  expect([reading.access, writing.access, reading.url]).toEqual(['read', 'write', `${GIT_URL}/${id}`])
  const into = join(root, 'own')
  expect(await git(root, ['clone', '-q', reading.url, into], reading.token)).toMatchObject({ code: 0 })
  expect(readFileSync(join(into, 'README.md'), 'utf8')).toBe('ledger in cents\n')
  await git(into, ['commit', '-q', '--allow-empty', '-m', 'from elsewhere'])
  expect((await git(into, ['push', 'origin', `HEAD:${HOSTED_REFS.push}`], reading.token)).text).toContain('403')
  expect(await git(into, ['push', '-q', 'origin', `HEAD:${HOSTED_REFS.push}`], writing.token)).toMatchObject({ code: 0 })
  // What is the workspace's to write is not its person's, whatever the password says.
  expect((await git(into, ['push', 'origin', `HEAD:${HOSTED_REFS.out('own')}-x`], writing.token)).text).toContain('are yours to write')
  expect((await git(root, ['ls-remote', url], writing.token)).code).not.toBe(0)
  const pushes = (await audited()).filter(({ action, workspaceId }) => action === 'code.push' && workspaceId === id)
  expect(pushes.some(({ actor }) => actor.endsWith('(password of this repository)'))).toBe(true)
  expect((await product.cli(['repos', 'revoke', 'own'])).stdout).toMatch(/2 passwords of own open nothing any more/)
  expect((await git(into, ['fetch', 'origin'], writing.token)).code).not.toBe(0)
  const last = await product.json<RepositoryToken>(['repos', 'token', 'own'])
  expect((await git(into, ['fetch', 'origin'], last.token)).code).toBe(0)
  await product.cli(['delete', 'own', '-y'])
  expect((await git(into, ['fetch', 'origin'], last.token)).code).not.toBe(0)
  expect(JSON.stringify(await audited()) + serverLog(product.home)).not.toMatch(/berthgit_/)
}, 120_000)

test('a push that would not fit is refused by name, and the list says how much is used', async () => {
  for (let part = 0; part < 40; part++) writeFileSync(join(project, `part-${part}.bin`), crypto.getRandomValues(new Uint8Array(64 * 1024)))
  await git(project, ['add', '-A'])
  await git(project, ['commit', '-qm', 'large'])
  const refused = await git(project, ['push', 'berth', 'main'])
  expect(refused.code).not.toBe(0)
  expect(refused.text).toMatch(/\[remote rejected\] main -> main \(the repository is full: \d+ of 2000000 bytes are used, and this does not fit\)/)
  expect((await product.cli(['repos'])).stdout).toMatch(/ledger +counting .* of (?:1\.9|2)/)
}, 60_000)

test('it goes when it is asked for, and its address leads nowhere', async () => {
  await product.cli(['delete', 'counting', '-y'])
  await product.cli(['repos', 'remove', 'ledger', '--force'])
  expect(await listed('ledger')).toBeUndefined()
  expect((await git(project, ['fetch', 'berth'])).code).not.toBe(0)
  expect((await audited()).find(({ action }) => action === 'repository.remove')?.subject).toContain('repo_')
}, 60_000)
