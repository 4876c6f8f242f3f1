/** Before a stop: the tree is saved and what was journaled is sent, within the time there is. */
import { afterEach, expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { EventBody } from '@berth/wire'
import { HOSTED_REFS } from '@berth/wire'
import { createLinkHttp } from '../../server/src/link/link-http.ts'
import { createRepositories } from '../../server/src/git-hosting/repositories.ts'
import { createUploads } from '../../server/src/git-hosting/uploads.ts'
import { startMachine } from './testing/test-machine.ts'
import type { TestMachine } from './testing/test-machine.ts'

let machine: TestMachine | null = null
afterEach(async () => {
  await machine?.close()
  machine = null
})
const done = (body: EventBody): boolean => body.type === 'workspace.step' && body.step === 'services' && body.state === 'done'
async function git(cwd: string, ...args: string[]): Promise<string> {
  const child = Bun.spawn(['git', '-c', 'safe.directory=*', ...args], { cwd, stdin: 'ignore', stdout: 'pipe', stderr: 'inherit' })
  return (await new Response(child.stdout).text()).trim()
}

test('saves the tree, publishes it to the hosted repository, and has everything journaled acknowledged', async () => {
  let http: ((request: Request) => Promise<Response>) | null = null
  const running = await startMachine({ http: async (request) => http?.(request) ?? new Response('no', { status: 404 }) })
  machine = running
  const repositories = createRepositories({ dir: join(running.root, 'repos') })
  const linkHttp = createLinkHttp({ clock: { now: () => Date.now() } as never, repositories, uploads: createUploads({ dir: join(running.root, 'uploads') }), log: () => {}, gitGateway: () => Promise.reject(new Error('no git host here')), toolboxFiles: { program: async () => new Response() }, modelGateway: () => Promise.reject(new Error('no model here')), inject: () => Promise.reject(new Error('nothing is put in here')), store: { getWorkspace: async () => ({ workspace: { name: 'demo', wish: { target: 'running' } } }) as never } })
  http = (request) => linkHttp(running.boot.workspaceId, request)
  await running.event(done)
  writeFileSync(join(running.boot.workDir, 'work.txt'), 'not committed yet\n')
  const { commit } = await running.call('stop.prepare', { withinMs: 20_000, publish: true })
  expect(commit).toMatch(/^[0-9a-f]{40}$/)
  const repository = await repositories.ensure(running.boot.workspaceId)
  expect(await git(repository, 'rev-parse', HOSTED_REFS.save)).toBe(commit ?? '')
  expect(await git(repository, 'show', `${commit}:work.txt`)).toBe('not committed yet')
  // The person's own branch is not moved by a save.
  expect(await git(running.boot.workDir, 'status', '--porcelain')).toBe('?? work.txt')
  // The save is an event, and it is at the server when the answer is.
  expect(running.events.some((body) => JSON.stringify(body).includes(commit ?? 'none'))).toBe(true)
  // Again, with nothing new.
  expect((await running.call('stop.prepare', { withinMs: 20_000, publish: true })).commit).toMatch(/^[0-9a-f]{40}$/)
}, 60_000)

test('answers within its time when the server acknowledges nothing', async () => {
  machine = await startMachine({})
  await machine.event(done)
  machine.stopAcking()
  writeFileSync(join(machine.boot.workDir, 'work.txt'), 'x')
  expect((await machine.call('stop.prepare', { withinMs: 3000, publish: false })).commit).toMatch(/^[0-9a-f]{40}$/)
}, 60_000)

test('answers with a refusal when there is no time to save, or the repository cannot be reached', async () => {
  machine = await startMachine({})
  await machine.event(done)
  const refusalOf = (params: { withinMs: number; publish: boolean }): Promise<unknown> => machine?.call('stop.prepare', params).then(() => null, (refusal: unknown) => refusal) ?? Promise.resolve(null)
  expect(await refusalOf({ withinMs: 1, publish: false })).toMatchObject({ code: 'timeout', hint: expect.stringContaining('disk') })
  const refusal = await refusalOf({ withinMs: 10_000, publish: true })
  expect(refusal).toMatchObject({ code: 'clone_refused', message: expect.stringContaining('the hosted repository') })
  // The way to it is a secret.
  expect(JSON.stringify(refusal)).not.toMatch(/127\.0\.0\.1|[0-9a-f]{48}/)
  // Nothing of that keeps it from the next try.
  expect((await machine.call('stop.prepare', { withinMs: 10_000, publish: false })).commit).toMatch(/^[0-9a-f]{40}$/)
}, 60_000)

test('before the code is there is nothing to save', async () => {
  machine = await startMachine({ assignment: { sourceReady: false } })
  await machine.connected()
  expect(await machine.call('stop.prepare', { withinMs: 2000, publish: true })).toEqual({ commit: null })
}, 60_000)
