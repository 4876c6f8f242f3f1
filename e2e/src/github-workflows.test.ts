/** Pushes that change what GitHub runs by itself: refused, allowed by a switch, or by a person, with a token that may no more than the push needs. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import type { Approval } from '@berth/wire'
import { startGitHubWorld, type GitHubWorld } from './github-world.ts'
import { eventually } from './product.ts'
import { secretsFound } from './secret-search.ts'

let at: GitHubWorld
const inside = (script: string, exit: number | null = 0) => at.inside('demo', script, exit)
const PUSH = 'git push origin HEAD:refs/heads/berth/demo'
const change = (text: string) => inside(`mkdir -p .github/workflows && echo '${text}' > .github/workflows/ci.yml && git add -A && git -c user.name=A -c user.email=a@example.org commit -qm '${text}'`)
const atGitHub = () => at.git('--git-dir', at.github.world.known('northquay/ledger').dir, 'show', 'berth/demo:.github/workflows/ci.yml')
/** What each token that was asked for since may do. */
const granted = (from: number) => at.github.world.granted.slice(from)

beforeAll(async () => {
  at = await startGitHubWorld()
  await at.connect(['ledger'], ['--workflows'])
  await at.up('ledger', 'demo')
}, 120_000)
afterAll(() => at?.close(), 60_000)

test('are refused by GitHub while nobody switched them on, although the app may', async () => {
  await change('on: push')
  expect((await inside(PUSH, null)).stderr).toContain('without `workflows` permission')
  expect(granted(0).some((rights) => 'workflows' in rights)).toBe(false)
}, 60_000)

test('an app that lacks the right says where it is given', async () => {
  const [installation] = at.github.world.installations
  if (installation === undefined) throw new Error('the app is installed nowhere')
  const { permissions } = installation
  installation.permissions = Object.fromEntries(Object.entries(permissions).filter(([name]) => name !== 'workflows'))
  await at.product.cli(['git-access', 'demo', '--workflows', 'on'])
  expect((await inside(PUSH, null)).stderr).toContain('may not change workflows')
  installation.permissions = permissions
}, 60_000)

test('leave where they are switched on, and only such a push gets a token for them', async () => {
  const before = at.github.world.granted.length
  await inside(PUSH)
  expect(atGitHub()).toBe('on: push')
  expect(granted(before).filter((rights) => 'workflows' in rights)).toEqual([expect.objectContaining({ workflows: 'write', contents: 'write' })])
  const after = at.github.world.granted.length
  await inside(`git -c user.name=A -c user.email=a@example.org commit -q --allow-empty -m plain && ${PUSH}`)
  expect(granted(after).some((rights) => 'workflows' in rights)).toBe(false)
}, 60_000)

test('are kept by a protected workspace, and leave when a person says so', async () => {
  await at.product.cli(['git-access', 'demo', '--profile', 'protected', '--approval', 'none', '--workflows', 'off'])
  await change('on: pull_request')
  expect((await inside(PUSH, null)).stderr).toContain('.github/workflows/ci.yml: the host runs this file by itself')
  await at.product.cli(['git-access', 'demo', '--workflows', 'ask'])
  const pushed = inside(PUSH)
  const waiting = await eventually(async () => (await at.product.json<Approval[]>(['approvals'])).find(({ tool }) => tool === 'berth:push'), 'the question')
  expect(waiting.title).toContain('changing what the host runs')
  expect(atGitHub()).toBe('on: push')
  await at.product.cli(['approve', waiting.approvalId])
  expect((await pushed).stderr).toContain('allowed it')
  expect(atGitHub()).toBe('on: pull_request')
  expect(await secretsFound(inside, ...at.github.world.issued)).toEqual([])
}, 90_000)
