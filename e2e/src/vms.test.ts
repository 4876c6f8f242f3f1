/**
 * Machines by few words, as another program asks for them: `curl` with a token against `/vms`. The names of the tests end
 * with the scenarios of the founding specification that they show; `docs/acceptance-d4.md` has them all.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { SERVER_FILE, TOKEN_FILE } from '@berth/wire/server-file'
import type { Vm } from '@berth/wire/vms'
import { startGitHubWorld, type GitHubWorld } from './github-world.ts'
import { eventually } from './product.ts'

setDefaultTimeout(120_000)
let world: GitHubWorld
let repoUrl: string
let base: string

beforeAll(async () => {
  world = await startGitHubWorld()
  await world.connect(['ledger'])
  const { url } = JSON.parse(readFileSync(join(world.product.home, SERVER_FILE), 'utf8')) as { url: string }
  base = `${url}/api/v1`
  // A header from a file: the token stands in no command line.
  writeFileSync(join(world.product.home, 'auth'), `authorization: Bearer ${readFileSync(join(world.product.home, TOKEN_FILE), 'utf8').trim()}\n`, { mode: 0o600 })
  repoUrl = `${world.github.url}/northquay/ledger.git`
})
afterAll(() => world?.close())

async function curl<T>(method: string, path: string, body?: unknown, { token = true } = {}): Promise<{ status: number; body: T }> {
  const words = ['curl', '-sS', '-X', method, '-w', '\n%{http_code}', ...(token ? ['-H', `@${join(world.product.home, 'auth')}`] : []), ...(body === undefined ? [] : ['-H', 'content-type: application/json', '--data', JSON.stringify(body)]), `${base}${path}`]
  const child = Bun.spawn(words, { stdout: 'pipe', stderr: 'pipe' })
  const [out, said, code] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited])
  if (code !== 0) throw new Error(`curl ${path}: ${said}`)
  const lines = out.split('\n')
  const status = Number(lines.pop())
  return { status, body: JSON.parse(lines.join('\n')) as T } // as the contract has it; what matters is expected below
}
const vm = async (id: string): Promise<Vm | undefined> => (await curl<Vm[]>('GET', '/vms')).body.find((one) => one.id === id)
const made: Vm[] = []

test('a repository in, and at once a machine that is being made, with how long that takes; nobody has to stay (US1.1, EC4)', async () => {
  const { status, body } = await curl<Vm>('POST', '/vms', { repoUrl, size: 'small', provider: 'local', name: 'first' })
  expect([status, body]).toEqual([201, expect.objectContaining({ name: 'first', repoUrl, provider: 'local', status: 'creating', url: null })])
  expect(body.readyInMs).toBeGreaterThan(0)
  made.push(body)
})

test('a second one of the same repository is another machine (EC5)', async () => {
  const { body } = await curl<Vm>('POST', '/vms', { repoUrl, provider: 'local' })
  made.push(body)
  expect(new Set(made.map(({ id }) => id)).size).toBe(2)
  expect(body.name).not.toBe('first')
})

test('when it is up it says so, has an address that answers at once, and stands in the list with its name, state and age (US1.3, US3.1, US3.2, EC6)', async () => {
  for (const { id } of made) await eventually(async () => (await vm(id))?.status === 'running', `${id} runs`, 90_000)
  const { body: list } = await curl<Vm[]>('GET', '/vms')
  for (const { id, name, createdAt } of made) {
    const one = list.find((each) => each.id === id)
    expect(one).toMatchObject({ name, status: 'running', createdAt, readyInMs: null })
    // Its address leads to a page, which asks who one is.
    expect((await fetch(one?.url ?? '', { headers: { accept: 'text/html' }, redirect: 'manual' })).status).toBe(401)
  }
})

test('what ends says so and is cleaned up, as often as it says it; then it is stopped and has no address (US3.3, US4.2, US5.2)', async () => {
  const [first] = made
  const id = first?.id ?? ''
  expect((await curl<Vm>('POST', `/vms/${id}/cleanup`, {})).body.status).toMatch(/^stopp/)
  await eventually(async () => (await vm(id))?.status === 'stopped', 'it has stopped')
  expect(await curl<Vm>('POST', `/vms/${id}/cleanup`, {})).toMatchObject({ status: 200, body: { id, status: 'stopped', url: null } })
})

test('what an agent was signed in with is there after a stop and a start (US1.5.4)', async () => {
  const second = made[1]
  if (second === undefined) throw new Error('there is no second one')
  await world.inside(second.name, 'mkdir -p ~/.claude && echo signed-in > ~/.claude/.credentials.json')
  await world.product.cli(['stop', second.id, '--wait'])
  await world.product.cli(['start', second.id])
  await eventually(async () => (await vm(second.id))?.status === 'running', 'it runs again', 90_000)
  expect((await world.inside(second.name, 'cat ~/.claude/.credentials.json')).stdout).toContain('signed-in')
})

test('a machine that is deleted is in no list any more', async () => {
  for (const { id } of made) expect((await curl<Vm>('DELETE', `/vms/${id}`)).status).toBe(200)
  await eventually(async () => (await curl<Vm[]>('GET', '/vms')).body.length === 0, 'the list is empty')
  expect((await curl('DELETE', '/vms/ws_0000000000zz')).status).toBe(404)
})

test('repositories of the connected app are listed; without a token nothing is answered; wrong words are named (US0.3)', async () => {
  expect((await curl<{ fullName: string }[]>('GET', '/github/repos')).body).toMatchObject([{ fullName: 'northquay/ledger', private: true }])
  for (const [method, path] of [['GET', '/vms'], ['POST', '/vms'], ['DELETE', '/vms/ws_0000000000zz'], ['POST', '/vms/ws_0000000000zz/cleanup'], ['GET', '/github/repos']] as const) {
    expect((await curl(method, path, undefined, { token: false })).status).toBe(401)
  }
  expect(await curl('POST', '/vms', { repoUrl: 'ext::sh -c id' })).toMatchObject({ status: 400, body: { code: 'bad_request', message: expect.stringContaining('source.url') } })
  expect((await curl('POST', '/vms', { repoUrl, size: 'gigantic' })).status).toBe(400)
})

test('all of it is described', async () => {
  const { paths } = (await curl<{ paths: Record<string, object> }>('GET', '/openapi.json')).body
  expect(['/vms', '/vms/{id}', '/vms/{id}/cleanup', '/github/repos'].map((path) => Object.keys(paths[path] ?? {}))).toEqual([['post', 'get'], ['delete'], ['post'], ['get']])
})
