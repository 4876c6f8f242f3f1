/**
 * What a hostile agent tries with git from inside its workspace: all of it is refused and noted. Each attack is tried
 * once more with the one rule off that stands against it, and is done then: so it was the rule that stopped it.
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { HOST_TOKEN, openGitWorld } from '@berth/server/git-testing'
import type { GatewayWorkspace, GitWorld } from '@berth/server/git-testing'
import type { GitPolicy } from '@berth/wire/git-policy'

setDefaultTimeout(60_000)
let w: GitWorld
let count = 0
beforeAll(async () => {
  w = await openGitWorld()
  for (const name of ['private-own', 'private-victim']) w.repository(name)
})
afterAll(() => w?.close())

interface Attacker extends GatewayWorkspace { readonly dir: string; readonly own: string; write(path: string, text: string): Promise<void> }
async function attacker(policy: Partial<GitPolicy>): Promise<Attacker> {
  const repository = `private-own${++count}`
  w.repository(repository)
  const ws = await w.workspace(`demo${count}`, { source: { kind: 'git', url: `${w.origin}/${repository}.git` } })
  await ws.policy(policy)
  const dir = mkdtempSync(join(w.root, 'work-'))
  expect(await ws.git(dir, 'clone', '-q', ws.remote(repository), '.')).toMatchObject({ code: 0 })
  const write = async (path: string, text: string) => {
    mkdirSync(dirname(join(dir, path)), { recursive: true })
    writeFileSync(join(dir, path), text)
    await ws.git(dir, 'add', '-A')
    await ws.git(dir, 'commit', '-qm', path)
  }
  await write('a.txt', 'a\n')
  return { ...ws, dir, own: repository, write }
}
const allRowsOf = async ({ id }: GatewayWorkspace) => (await w.audit()).filter(({ workspaceId }) => workspaceId === id)
const rowsOf = async (ws: GatewayWorkspace) => (await allRowsOf(ws)).filter(({ action }) => action === 'git.push')

const ALL = ['refs/heads/*', 'refs/tags/*']
const TOKEN = `ghp_${'aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC2eF4hJ6'}`
interface Attack { readonly name: string; readonly rules?: Partial<GitPolicy> | ((ws: { origin: string }) => Partial<GitPolicy>); readonly off: (ws: { origin: string }) => Partial<GitPolicy>; prepare?(ws: Attacker): Promise<unknown>; push(ws: Attacker): string[]; /** Where; absent: its own. */ readonly at?: string }
const ATTACKS: readonly Attack[] = [
  { name: 'a branch that is not its own', off: () => ({ create: ALL, update: ALL }), push: () => ['HEAD:refs/heads/release'] },
  { name: 'the main branch', off: () => ({ create: ALL, update: ALL, force: ALL }), push: () => ['HEAD:refs/heads/main'] },
  { name: "another workspace's branch", off: () => ({ create: ALL }), push: () => ['HEAD:refs/heads/berth/other'] },
  { name: 'a tag', off: () => ({ tags: true }), push: () => ['HEAD:refs/tags/v1'] },
  { name: 'a deletion', off: () => ({ delete: ALL }), prepare: (ws) => ws.git(ws.dir, 'push', 'origin', `HEAD:berth/${ws.name}`), push: (ws) => [`:refs/heads/berth/${ws.name}`] },
  { name: 'a mixed push, of which one may', off: () => ({ create: ALL }), push: (ws) => [`HEAD:berth/${ws.name}-mixed`, 'HEAD:refs/heads/other'] },
  { name: 'a rewritten branch', rules: { branch: 'stable' }, off: () => ({ branch: 'stable', force: ALL }), prepare: async (ws) => { await ws.git(ws.dir, 'push', 'origin', 'HEAD:stable'); await ws.git(ws.dir, 'commit', '-q', '--amend', '-m', 'other') }, push: () => ['+HEAD:stable'] },
  { name: "another workspace's repository", at: 'private-victim', off: ({ origin }) => ({ repositories: [{ url: `${origin}/private-victim`, access: 'write' }] }), push: (ws) => [`HEAD:berth/${ws.name}`] },
  { name: 'a repository it may read', at: 'private-victim', rules: ({ origin }) => ({ repositories: [{ url: `${origin}/private-victim`, access: 'read' }] }), off: ({ origin }) => ({ repositories: [{ url: `${origin}/private-victim`, access: 'write' }] }), push: (ws) => [`HEAD:berth/${ws.name}-r`] },
  { name: 'a workflow of the host', rules: { profile: 'protected', approval: 'none' }, off: () => ({ profile: 'protected', approval: 'none', workflows: true }), prepare: (ws) => ws.write('.github/workflows/x.yml', 'on: push\n'), push: (ws) => [`HEAD:berth/${ws.name}`] },
  { name: 'a secret', rules: { profile: 'protected', approval: 'none' }, off: () => ({ profile: 'standard' }), prepare: (ws) => ws.write('x.env', `T=${TOKEN}\n`), push: (ws) => [`HEAD:berth/${ws.name}`] },
  { name: 'a secret in a file that says it is binary', rules: { profile: 'protected', approval: 'none' }, off: () => ({ profile: 'standard' }), prepare: async (ws) => { await ws.write('.gitattributes', '* -diff\n'); await ws.write('x.bin', `\0\nT=${TOKEN}\n`) }, push: (ws) => [`HEAD:berth/${ws.name}`] },
  { name: 'a large file', rules: { profile: 'protected', approval: 'none', maxFileBytes: 100 }, off: () => ({ profile: 'protected', approval: 'none' }), prepare: (ws) => ws.write('x.bin', 'x'.repeat(101)), push: (ws) => [`HEAD:berth/${ws.name}`] },
]
async function tried(attack: Attack, policy: Partial<GitPolicy>): Promise<{ moved: boolean; text: string; rows: { allowed: boolean }[] }> {
  const ws = await attacker(policy)
  await attack.prepare?.(ws)
  const at = attack.at ?? ws.own
  const before = w.refs(at)
  const rowsBefore = (await rowsOf(ws)).length
  const { text, code } = await ws.git(ws.dir, 'push', ws.remote(at), ...attack.push(ws))
  const moved = JSON.stringify(w.refs(at)) !== JSON.stringify(before)
  expect(moved).toBe(code === 0)
  return { moved, text, rows: (await rowsOf(ws)).slice(rowsBefore) }
}

describe('a push of', () => {
  test.each(ATTACKS.map((attack) => [attack.name, attack] as const))('%s is refused, noted, and done where the rule is off', async (_, attack) => {
    const rules = attack.rules ?? {}
    const refused = await tried(attack, typeof rules === 'function' ? rules(w) : rules)
    expect(refused).toMatchObject({ moved: false, rows: [{ allowed: false }] })
    expect(refused.text).toMatch(/\[remote rejected\]|berth: |403/)
    expect(refused.text).not.toContain(TOKEN)
    expect(await tried(attack, attack.off(w))).toMatchObject({ moved: true, rows: [{ allowed: true }] })
  })

  test('an option for the host does not go along', async () => {
    const ws = await attacker({})
    Bun.spawnSync(['git', '--git-dir', join(w.root, 'host', `${ws.own}.git`), 'config', 'receive.advertisePushOptions', 'true'])
    const before = (await rowsOf(ws)).length
    const tried = await ws.git(ws.dir, 'push', '-o', 'merge_request.merge_when_pipeline_succeeds', 'origin', `HEAD:berth/${ws.name}`)
    expect(tried.code).not.toBe(0)
    expect(tried.text).toContain('push options are not passed on')
    expect(w.refs(ws.own)).not.toHaveProperty(`refs/heads/berth/${ws.name}`)
    expect((await rowsOf(ws)).slice(before)).toMatchObject([{ allowed: false, reason: 'push options are not passed on' }])
    expect((await ws.git(ws.dir, 'push', 'origin', `HEAD:berth/${ws.name}`)).code).toBe(0)
  })

  test('a push that nobody allowed stays, whatever the machine says, and goes where nobody is to be asked', async () => {
    const ws = await attacker({ profile: 'protected' })
    const pushing = ws.git(ws.dir, 'push', 'origin', `HEAD:berth/${ws.name}`)
    const waiting = async () => (await w.database.store.approvals.list({ workspaceId: ws.id, all: false }))[0]
    while ((await waiting()) === undefined) await new Promise<void>((resolve) => { const remove = w.database.store.events.onAppend(() => { remove(); resolve() }) })
    const asked = await waiting()
    // The row is the server's, and no projection of a machine's word moves it: see server-asks.test.ts for each of them.
    expect(asked).toMatchObject({ tool: 'berth:push', state: 'open' })
    expect(w.refs(ws.own)).not.toHaveProperty(`refs/heads/berth/${ws.name}`)
    await w.answer(ws.id, 'deny', 'no')
    expect((await pushing).text).toContain('denied it: no')
    await ws.policy({ profile: 'protected', approval: 'none' })
    expect((await ws.git(ws.dir, 'push', 'origin', `HEAD:berth/${ws.name}`)).code).toBe(0)
  })
})

describe('reading', () => {
  test('of a repository that is not its own is done as a stranger, and with the credential where a person said so', async () => {
    const ws = await attacker({})
    const before = (await allRowsOf(ws)).length
    expect((await ws.git(ws.dir, 'ls-remote', ws.remote('private-victim'))).code).not.toBe(0)
    expect((await allRowsOf(ws)).slice(before)).toMatchObject([{ allowed: false, subject: `${w.origin}/private-victim` }])
    await ws.policy({ repositories: [{ url: `${w.origin}/private-victim`, access: 'read' }] })
    expect((await ws.git(ws.dir, 'ls-remote', ws.remote('private-victim'))).code).toBe(0)
  })
})

describe('an address', () => {
  const service = '/info/refs?service=git-upload-pack'
  test('that another reader would read otherwise reaches nothing', async () => {
    const heard: string[] = []
    const elsewhere = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: (request) => { heard.push(`${request.url} ${request.headers.get('authorization')}`); return new Response('x') } })
    const ws = await attacker({})
    const [host, evil] = [new URL(w.origin).host, `127.0.0.1:${elsewhere.port}`]
    const paths = [
      `http/${evil}/x.git`, `http/${host}@${evil}/x.git`, `http/${evil}%23@${host}/x.git`, `http/${host}%2f..%2f${evil}/x.git`, `http/${host}/../${evil}/x.git`, `http/${host}/%2e%2e/${evil}/x.git`, `http/${host}//${ws.own}.git`, `http/${host}/./private-victim.git`,
      `http/${host}/${ws.own}.git/../private-victim.git`, `http/${host}/${ws.own}.git/%2e%2e/private-victim.git`, `http/${host}/${ws.own}%00.git`, `http/${host}\\@${evil}/x.git`, `http/x:y@${host}/${ws.own}.git`, `http/127.1:${elsewhere.port}/x.git`, `http/127.1:${host.split(':')[1]}/${ws.own}.git`, `http/2130706433:${elsewhere.port}/x.git`, `http/0x7f.0.0.1:${elsewhere.port}/x.git`, `http/[::1]:${elsewhere.port}/x.git`,
      `http/ⓛocalhost:${elsewhere.port}/x.git`, `http/xn--lcalhost-e1a:${elsewhere.port}/x.git`, `http/localhost.:${elsewhere.port}/x.git`, `http/169.254.169.254/latest/meta-data.git`, `ftp/${host}/x.git`, `file//etc/passwd`, `http/${host}/-o.git`, `http/${host}:99999/x.git`, `gopher/${evil}/x.git`, `https/${host.split(':')[0]}/x.git`,
    ]
    const before = (await allRowsOf(ws)).length
    for (const path of paths) {
      const answer = await w.ask(ws.id, new Request(`http://link/upstream/${path}${service}`))
      expect([path, answer.status >= 400]).toEqual([path, true])
    }
    expect(heard).toEqual([])
    const rows = (await allRowsOf(ws)).slice(before)
    expect([rows.length, rows.filter(({ allowed }) => allowed)]).toEqual([paths.length, []])
    // The same listener, when a person names it a git host, is asked: it was the rule that kept it silent.
    await w.database.store.gitHosts.put({ orgId: (await w.database.store.access.bootstrap(0)).orgId, origin: `http://${evil}`, username: 'x', token: 'other' }, 0)
    await w.ask(ws.id, new Request(`http://link/upstream/http/${evil}/x.git${service}`))
    expect(heard).toHaveLength(1)
    await elsewhere.stop(true)
  })

  test('that the host sends elsewhere is not followed with the credential', async () => {
    const heard: (string | null)[] = []
    const thief = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: (request) => { heard.push(request.headers.get('authorization')); return new Response('x') } })
    const moved = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: (request) => Response.redirect(`http://127.0.0.1:${thief.port}${new URL(request.url).pathname}`, 302) })
    const origin = `http://127.0.0.1:${moved.port}`
    const { orgId } = await w.database.store.access.bootstrap(0)
    await w.database.store.gitHosts.put({ orgId, origin, username: 'x', token: HOST_TOKEN }, 0)
    const ws = await w.workspace(`moved${++count}`, { source: { kind: 'git', url: `${origin}/r.git` } })
    const answer = await w.ask(ws.id, new Request(`http://link/upstream/http/127.0.0.1:${moved.port}/r.git${service}`))
    expect(await answer.text()).toContain('has moved')
    expect(await allRowsOf(ws)).toMatchObject([{ allowed: false, action: 'git.fetch' }])
    for (const [rest, type] of [['git-upload-pack', 'application/x-git-upload-pack-request'], ['info/lfs/objects/batch', 'application/vnd.git-lfs+json']] as const) {
      await w.ask(ws.id, new Request(`http://link/upstream/http/127.0.0.1:${moved.port}/r.git/${rest}`, { method: 'POST', body: JSON.stringify({ operation: 'download', objects: [] }), headers: { 'content-type': type, 'x-berth-gateway': `http://127.0.0.1:1/${'a'.repeat(48)}` } }))
    }
    expect(heard).toEqual([])
    await fetch(`${origin}/r.git`, { headers: { authorization: 'x' } })
    expect(heard).toHaveLength(1)
    await Promise.all([thief.stop(true), moved.stop(true)])
  })
})

test('a place of a large file is of one workspace, one way, and an hour', async () => {
  const [ws, other] = [await attacker({}), await attacker({})]
  const oid = new Bun.CryptoHasher('sha256').update('large').digest('hex')
  const batch = async (operation: string) => (await (await w.ask(ws.id, new Request(`http://link/upstream/http/${new URL(w.origin).host}/${ws.own}.git/info/lfs/objects/batch`, {
    method: 'POST', headers: { 'content-type': 'application/vnd.git-lfs+json', 'x-berth-gateway': `http://127.0.0.1:1/${'a'.repeat(48)}` }, body: JSON.stringify({ operation, objects: [{ oid, size: 5 }] }),
  }))).json()) as { objects: { actions: Record<string, { href: string; header?: unknown }> }[] }
  const answer = await batch('upload')
  expect(JSON.stringify(answer)).not.toMatch(new RegExp(`canary|Authorization|${HOST_TOKEN}|${new URL(w.origin).host}`))
  const path = new URL(answer.objects[0]?.actions['upload']?.href ?? '').pathname.slice(49)
  const at = (id: typeof ws.id, method: string) => w.ask(id, new Request(`http://link${path}`, { method, ...(method === 'GET' ? {} : { body: 'large' }) }))
  expect((await at(other.id, 'PUT')).status).toBe(404)
  expect((await at(ws.id, 'GET')).status).toBe(404)
  expect((await w.ask(ws.id, new Request(`http://link/upstream/lfs/${'0'.repeat(48)}`))).status).toBe(404)
  const refused = [...await allRowsOf(other), ...await allRowsOf(ws)].filter(({ action, allowed }) => action === 'git.lfs' && !allowed)
  expect(refused.map(({ workspaceId }) => workspaceId)).toEqual([other.id, ws.id, ws.id])
  expect((await at(ws.id, 'PUT')).status).toBe(200)
})

test('a frame that names another workspace is asked for whoever holds the link', async () => {
  const [ws, victim] = [await attacker({}), await attacker({})]
  const forged = new Request(`http://link/upstream/http/${new URL(w.origin).host}/${victim.own}.git/info/refs?service=git-receive-pack`, { headers: { 'x-berth-workspace': victim.id, 'x-forwarded-for': victim.id, cookie: `workspace=${victim.id}`, authorization: `Bearer ${victim.id}`, host: victim.id } })
  const before = (await allRowsOf(ws)).length
  expect((await w.ask(ws.id, forged)).status).toBe(403)
  // Noted with who asked, not with whom it named.
  expect((await allRowsOf(ws)).slice(before)).toMatchObject([{ allowed: false, action: 'git.push', subject: `${w.origin}/${victim.own}` }])
  expect((await w.ask(victim.id, new Request(forged))).status).toBe(200)
})

test('nothing of the credential is kept where a workspace, or its record, can see it', async () => {
  const found = Bun.spawnSync(['grep', '-rlE', `${HOST_TOKEN}|${btoa(`x-access-token:${HOST_TOKEN}`)}`, w.root]).stdout.toString()
  expect(found).toBe('')
  expect(JSON.stringify(await w.audit())).not.toContain(HOST_TOKEN)
  expect(existsSync(w.root)).toBe(true)
})
