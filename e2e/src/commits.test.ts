/** Commits made in a workspace say who they are by and who helped, and are signed by a key that never enters it. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { CommitIdentity } from '@berth/wire/commits'
import type { AuditRecord } from '@berth/wire/git-access'
import { startGitHubWorld, type GitHubWorld } from './github-world.ts'
import { eventually } from './product.ts'
import { secretsFound } from './secret-search.ts'

let at: GitHubWorld
let key = ''
const inside = (script: string, exit: number | null = 0) => at.inside('demo', script, exit)
const last = async (format: string) => (await inside(`git log -1 --format='${format}'`)).stdout.trim()

beforeAll(async () => {
  at = await startGitHubWorld()
  await at.connect()
  await at.product.cli(['identity', '--name', 'Ada "the Countess" Lovelace', '--email', 'ada@example.org', '--sign', 'on'])
  const identity = await at.product.json<CommitIdentity>(['identity'])
  key = identity.signingKey?.publicKey ?? ''
  await at.up('ledger', 'demo')
}, 120_000)
afterAll(() => at?.close(), 60_000)

test('a commit is by the person, names who helped once, and git verifies its signature', async () => {
  await inside('echo one >> README.md && git commit -qam "Count in cents"')
  expect(await last('%an <%ae> | %cn')).toBe('Ada "the Countess" Lovelace <ada@example.org> | Ada "the Countess" Lovelace')
  expect(await last('%(trailers:key=Co-authored-by,valueonly)')).toBe('berth[bot] <berth@localhost>')
  await inside('git commit -q --amend --no-edit && git commit -q --amend -m "Count in whole cents"')
  expect((await last('%B')).match(/Co-authored-by/g)).toHaveLength(1)
  // Outside, as anybody would who has the branch and the public half.
  await inside('git push -q origin HEAD:refs/heads/berth/demo')
  const allowed = join(at.root, 'allowed')
  writeFileSync(allowed, `ada@example.org ${key}\n`)
  const verify = (commit: string) => Bun.spawnSync(['git', '--git-dir', at.github.world.known('northquay/ledger').dir, '-c', `gpg.ssh.allowedSignersFile=${allowed}`, 'verify-commit', commit])
  const verified = verify('berth/demo')
  expect([verified.exitCode, verified.stderr.toString()]).toEqual([0, expect.stringContaining('Good "git" signature for ada@example.org')])
  expect(verify('main').exitCode).not.toBe(0)
}, 60_000)

test('the key is nowhere inside, each signature is in the record, and nothing else is signed', async () => {
  const sealed = key.split(' ')[1] ?? ''
  expect(sealed.length).toBeGreaterThan(40)
  const files = await inside("grep -rlI 'PRIVATE KEY' /workspace ~ /tmp 2>/dev/null | head -5; ls ~/.ssh 2>/dev/null; true")
  expect(files.stdout).toBe('')
  expect(await secretsFound(inside, 'berthgit_')).toEqual([])
  const { records } = await at.product.json<{ records: AuditRecord[] }>(['audit', '--action', 'commit.sign'])
  expect(records.length).toBe(3)
  expect(records[0]).toMatchObject({ allowed: true, actor: 'demo', subject: 'ada@example.org: Count in whole cents' })
  // By somebody else, or no commit at all.
  const other = await inside('GIT_COMMITTER_EMAIL=eve@example.org git commit -q --allow-empty -m "in her name"', null)
  expect([other.exitCode === 0, other.stderr]).toEqual([false, expect.stringContaining('only commits by ada@example.org are signed')])
  const tagged = await inside('git tag -s v1 -m one', null)
  expect(tagged.stderr).toContain('only commits are signed')
  expect((await inside('git cat-file tag v1 2>/dev/null | grep -c SIGNATURE', null)).stdout.trim()).toBe('0')
  expect((await at.product.json<{ records: AuditRecord[] }>(['audit', '--action', 'commit.sign'])).records.slice(0, 2).map(({ allowed }) => allowed)).toEqual([false, false])
}, 60_000)

test('hooks of the repository stay, an empty message stays empty, and what is only moved keeps its words', async () => {
  await inside(`printf '#!/bin/sh\\necho checked >> /tmp/checked\\n' > .git/hooks/pre-commit && chmod +x .git/hooks/pre-commit && git commit -q --allow-empty -m "with a hook"`)
  expect((await inside('cat /tmp/checked')).stdout).toBe('checked\n')
  expect(await last('%(trailers:key=Co-authored-by,valueonly)')).toContain('berth[bot]')
  const empty = await inside('GIT_EDITOR=true git commit --allow-empty', null)
  expect([empty.exitCode === 0, empty.stderr]).toEqual([false, expect.stringContaining('empty commit message')])
  await inside('git checkout -q -b alone && git config berth.coAuthor off && echo two >> README.md && git commit -qam alone && git config --unset berth.coAuthor')
  expect(await last('%B')).not.toContain('Co-authored-by')
  await inside('git checkout -q - && git cherry-pick alone >/dev/null')
  expect(await last('%s %(trailers:key=Co-authored-by,valueonly)')).toBe('alone')
  await inside(`printf '#!/bin/sh\\necho "ledger: $(cat "$1")" > "$1"\\n' > .git/hooks/commit-msg && chmod +x .git/hooks/commit-msg && git commit -q --allow-empty -m "own words" && rm .git/hooks/commit-msg`)
  expect(await last('%s')).toBe('ledger: own words')
}, 60_000)

test('turned off, it counts from the next commit on', async () => {
  await at.product.cli(['identity', '--co-author', 'off', '--sign', 'off', '--name', 'Ada'])
  await eventually(async () => (await inside('cd /tmp && git config --get user.name; true')).stdout === 'Ada\n', 'the new name')
  await inside('git commit -q --allow-empty -m "plain"')
  expect(await last('%an %G?')).toBe('Ada N')
  expect(await last('%B')).toBe('plain')
}, 60_000)
