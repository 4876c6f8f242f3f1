/** Pull requests of a workspace whose code is at a Bitbucket: the server speaks to it with the kept token, the workspace never has it. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { startBitbucket } from '@berth/sim-bitbucket'
import type { BitbucketSim } from '@berth/sim-bitbucket'
import type { AuditRecord } from '@berth/wire/git-access'
import type { PullRequest, PullStatus } from '@berth/wire/github'
import { expectAgentTold, openKeptTokenWorld, type KeptTokenWorld } from './kept-token-world.ts'
import { serverLog, type Product } from './product.ts'
import { secretsFound } from './secret-search.ts'

const TOKEN = 'ATCTT3xFfGN0-canary-5b20e1'
const CODE_ALONE = 'ATCTT3xFfGN0-code-alone'
const PATH = 'private-northquay/ledger'
let world: KeptTokenWorld<BitbucketSim>
let product: Product
let bitbucket: BitbucketSim
const git = (...args: string[]) => world.git(...args)
const inside = (script: string, exit: number | null = 0) => world.inside(script, exit)
const expectNothingOdd = (): void => expect([bitbucket.refused, bitbucket.faulty]).toEqual([[], []])

beforeAll(async () => {
  world = await openKeptTokenWorld({
    kind: 'bitbucket', path: PATH, username: 'x-token-auth', token: TOKEN,
    start: (at) => startBitbucket({ git: at, tokens: { [TOKEN]: ['pullrequest:write'], [CODE_ALONE]: ['repository:write'] } }),
  })
  ;({ product, host: bitbucket } = world)
}, 120_000)
afterAll(() => world?.close(), 60_000)

test('berth pr pushes the branch, opens a pull request, and answers the one that is open', async () => {
  await inside('git config user.name Ada && git config user.email ada@example.org && echo 1 > a && git add a && git commit -qm "Count in cents"')
  expect(await product.json<PullStatus>(['pr', 'status', 'demo'])).toMatchObject({ commit: null, pull: null, checks: 'none' })
  const made = await product.json<PullRequest>(['pr', 'create', 'demo', '--draft'])
  expect(made).toMatchObject({ number: 1, title: 'Count in cents', head: 'berth/demo', base: 'main', state: 'open', draft: true, url: `${bitbucket.url}/${PATH}/pull-requests/1` })
  expect(await product.json<PullRequest>(['pr', 'create', 'demo', '--title', 'Again'])).toEqual(made)
  expect(bitbucket.world.pulls).toHaveLength(1)
  expect(git('log', '-1', '--format=%s', 'berth/demo')).toBe('Count in cents')
  expect(await product.json<PullRequest[]>(['pr', 'list', 'demo'])).toEqual([made])
  expectNothingOdd()
}, 60_000)

test('what its builds say is told, one by one', async () => {
  const at = { repository: PATH, commit: git('rev-parse', 'berth/demo') }
  expect(await product.json<PullStatus>(['pr', 'status', 'demo'])).toMatchObject({ checks: 'none', commit: at.commit, pull: { number: 1 } })
  bitbucket.world.setStatus({ ...at, key: 'unit', name: 'unit', state: 'INPROGRESS', description: '' })
  bitbucket.world.setStatus({ ...at, key: 'style', name: 'style', state: 'SUCCESSFUL', description: '' })
  expect(await product.json<PullStatus>(['pr', 'status', 'demo'])).toMatchObject({ checks: 'running', results: [{ name: 'unit', conclusion: null }, { name: 'style', conclusion: 'success' }] })
  bitbucket.world.setStatus({ ...at, key: 'unit', name: 'unit', state: 'FAILED', description: '2 of 40 failed' })
  expect((await product.cli(['pr', 'status', 'demo'], { exit: 1 })).stdout).toContain('✗ unit  2 of 40 failed')
  const [pull] = bitbucket.world.pulls
  if (pull !== undefined) pull.state = 'DECLINED'
  expect(await product.cli(['pr', 'status', 'demo', '--json'], { exit: 1 }).then(({ stdout }) => JSON.parse(stdout) as PullStatus)).toMatchObject({ pull: { state: 'closed' }, checks: 'failed' })
  expectNothingOdd()
}, 60_000)

test('its agent is told by itself of a check that failed, once, where that is wanted', async () => {
  await expectAgentTold(world, { reporter: 'Bitbucket', failLint: () => bitbucket.world.setStatus({ repository: PATH, commit: git('rev-parse', 'berth/demo'), key: 'lint', name: 'lint', state: 'FAILED', description: '' }) })
  expectNothingOdd()
}, 240_000)

test('an answer that is lost, and a host that is busy, are told with what to do', async () => {
  bitbucket.world.faults.push({ times: 1, path: /\/pullrequests$/, what: { kind: 'refuse', status: 429 } }, { times: 1, path: /\/pullrequests$/, what: { kind: 'truncated' } })
  expect((await product.cli(['pr', 'list', 'demo'], { exit: null })).stderr).toContain('wants fewer requests')
  expect((await product.cli(['pr', 'list', 'demo'], { exit: null })).stderr).toContain('in a form that is not known')
  expect(await product.json<PullRequest[]>(['pr', 'list', 'demo'])).toEqual([])
}, 60_000)

test('a token that may not, or may no more, says so with what to do', async () => {
  await world.keep(CODE_ALONE)
  expect((await product.cli(['pr', 'list', 'demo'], { exit: null })).stderr).toContain('read and write repositories and pull requests')
  bitbucket.world.revoke(CODE_ALONE)
  expect((await product.cli(['pr', 'list', 'demo'], { exit: null })).stderr).toContain('does not take the kept token any more')
}, 60_000)

test('the token is nowhere inside, in no record and no log', async () => {
  expect(await secretsFound(inside, TOKEN)).toEqual([])
  const { records } = await product.json<{ records: AuditRecord[] }>(['audit'])
  expect(records.filter(({ action }) => action === 'pull.create')).toMatchObject([{ allowed: true, subject: `${bitbucket.url}/${PATH}` }])
  expect(JSON.stringify(records) + serverLog(product.home)).not.toContain(TOKEN)
}, 60_000)
