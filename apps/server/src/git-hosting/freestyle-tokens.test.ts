/** Tokens for one operation at Freestyle, against what plays the vendor: what one may do, and that nothing of it is left there. */
import { afterEach, beforeEach, expect, test } from 'bun:test'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startFreestyleGit, type FreestyleGitSim, type Repository } from '@berth/sim-freestyle/git'
import { randomIds, type BerthError, type GitHostId, type WorkspaceId } from '@berth/wire'
import { listAtFreestyle } from './freestyle-api.ts'
import { createFreestyleTokens, type FreestyleTokens } from './freestyle-tokens.ts'
import type { Leased } from './held-tokens.ts'

const KEY = 'fs_canary_0b1d6f'
const who = { id: 'ws_one' as WorkspaceId, orgId: randomIds.org() }
const opened: FreestyleTokens[] = []
let sim: FreestyleGitSim
let dir: string
let ledger: Repository
let logged: string[]

beforeEach(() => {
  sim = startFreestyleGit()
  sim.world.keys.add(KEY)
  ledger = sim.world.create({ name: 'ledger', import: { type: 'files', files: { a: 'a' }, commitMessage: 'first' } })
  dir = mkdtempSync(join(tmpdir(), 'berth-freestyle-tokens-'))
  logged = []
})
afterEach(async () => {
  await Promise.all(opened.splice(0).map((each) => each.stop()))
  const { faulty, refused } = sim
  await sim.close()
  rmSync(dir, { recursive: true, force: true })
  expect([faulty, refused]).toEqual([[], []])
})
function open(kind: 'freestyle' | 'gitlab' = 'freestyle', lingerMs = 0): FreestyleTokens {
  const made = createFreestyleTokens({ store: { gitHosts: { credential: async () => ({ id: 'gh_one' as GitHostId, username: 'x-access-token', kind, token: KEY }), used: async () => {} } }, clock: { now: () => Date.now() }, log: (line) => void logged.push(line), dir, lingerMs })
  opened.push(made)
  return made
}
const at = (repository: { id: string }) => ({ origin: sim.url, path: repository.id })
function leased(given: Leased) {
  if (given === null || !('lease' in given)) throw new Error('no token was made')
  return given.lease
}
const statusOf = async (service: string, repository: { id: string }, token: string): Promise<number> => (await fetch(`${sim.url}/${repository.id}/info/refs?service=${service}`, { headers: { authorization: `Basic ${btoa(`x-access-token:${token}`)}` } })).status
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await Bun.sleep(5)
}

test('it is good for that repository and that right, and gone with its identity when nobody uses it', async () => {
  const other = sim.world.create({})
  const tokens = open()
  const [reading, writing] = [leased(await tokens.credentialFor(who, at(ledger), 'git-upload-pack')), leased(await tokens.credentialFor(who, at(ledger), 'git-receive-pack'))]
  const may = (token: string) => Promise.all([statusOf('git-upload-pack', ledger, token), statusOf('git-receive-pack', ledger, token), statusOf('git-upload-pack', other, token)])
  expect(await may(reading.token)).toEqual([200, 403, 403])
  expect(await may(writing.token)).toEqual([200, 200, 403])
  // Asked for again while it is out, it is the same one.
  const again = leased(await tokens.credentialFor(who, at(ledger), 'git-upload-pack'))
  expect(again.token).toBe(reading.token)
  expect([sim.world.identities.size, readdirSync(dir).length]).toEqual([2, 2])
  for (const each of [reading, writing, again]) each.release()
  await until(() => sim.world.identities.size === 0 && readdirSync(dir).length === 0)
  expect(await statusOf('git-upload-pack', ledger, reading.token)).toBe(401)
  expect(await open('gitlab').credentialFor(who, at(ledger), 'git-upload-pack')).toBeNull()
}, 20_000)

test('what is not there, or refused, or not answered leaves nothing behind', async () => {
  const tokens = open()
  const code = (address = at(ledger)): Promise<string> => tokens.credentialFor(who, address, 'git-upload-pack').then(() => 'made', (error: BerthError) => error.code)
  expect(await code(at({ id: crypto.randomUUID() }))).toBe('not_found')
  sim.world.faults.push({ times: 1, method: 'POST', path: /\/tokens$/, what: { kind: 'after', status: 502 } })
  expect(await code()).toBe('network_unreachable')
  sim.world.faults.push({ times: 1, method: 'POST', path: /\/permissions\/git\//, what: { kind: 'truncated' } })
  expect(await code()).toBe('network_unreachable')
  expect([sim.world.identities.size, readdirSync(dir)]).toEqual([0, []])
  sim.world.keys.clear()
  expect(await code()).toBe('unauthorized')
  expect(logged.join('\n')).not.toContain(KEY)
})

test('an identity that could not be deleted is deleted later: before the next one, or by the server after a killed one', async () => {
  const tokens = open()
  const first = leased(await tokens.credentialFor(who, at(ledger), 'git-upload-pack'))
  sim.world.faults.push({ times: 1, method: 'DELETE', path: /\/identities\//, what: { kind: 'refuse', status: 503 } })
  first.release()
  await until(() => logged.some((line) => line.includes('was not deleted yet')))
  const killed = leased(await tokens.credentialFor(who, at(ledger), 'git-receive-pack'))
  expect(sim.world.identities.size).toBe(1)
  const next = open()
  await next.settle()
  expect([sim.world.identities.size, readdirSync(dir)]).toEqual([0, []])
  expect(await statusOf('git-receive-pack', ledger, killed.token)).toBe(401)
}, 20_000)

test('its repositories are listed by their names, and that there are more is said', async () => {
  for (let n = 0; n < 105; n += 1) {
    const id = crypto.randomUUID()
    sim.world.repositories.set(id, { ...ledger, id, name: n === 0 ? null : `service-${n}`, public: n === 1 })
  }
  const { repositories, more } = await listAtFreestyle(fetch, { origin: sim.url, token: KEY })
  expect([repositories.length, more]).toEqual([100, true])
  expect(repositories[0]).toEqual({ url: `${sim.url}/${ledger.id}`, fullName: 'ledger', private: true, defaultBranch: 'main' })
  expect(repositories[1]?.url).toEndWith(repositories[1]?.fullName ?? '')
  expect(repositories[2]).toMatchObject({ fullName: 'service-1', private: false })
}, 20_000)
