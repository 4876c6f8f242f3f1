/** A person's directory put on a tree that the agent works in, on real repositories. */
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { sentMessage } from '@berth/wire/sent-message'
import type { PushStrategy } from '@berth/wire/sync-methods'
import { startBench } from '../review/testing.ts'
import type { Bench } from '../review/testing.ts'

let b: Bench
let home: string
const FROM = 'clone-1'

/** A workspace that began with the person's directory: three files, one of them uncommitted. */
beforeEach(async () => {
  b = await startBench()
  home = join(b.work, '..', 'home', 'person')
  await b.sh(`git init -q --bare ${b.hosted}`)
  await b.sh(`git init -q -b main ${home}; cd ${home}; git config user.name P; git config user.email p@x
    printf 'a\\nb\\nc\\nd\\ne\\nf\\ng\\nh\\n' > both; echo one > one; echo two > two; echo ignored.txt > .gitignore; echo .env >> .gitignore; git add .; git commit -qm first; echo new > untracked`)
  const commit = await sent()
  await b.sh(`git fetch -q ${b.hosted} +refs/berth/push:refs/berth/source; git checkout -q -B berth/demo refs/berth/source^1; git read-tree -u -m HEAD refs/berth/source; git read-tree refs/berth/source^2; git update-index -q --refresh || true`)
  expect(await b.treeOf()).toBe((await b.sh(`git rev-parse ${commit}^{tree}`)).trim())
})
afterEach(() => b.close())

/** As the CLI takes and pushes it. */
async function sent(options: { included?: string[]; from?: string } = {}): Promise<string> {
  const included = options.included ?? []
  await Bun.write(join(home, '.git', 'message'), sentMessage({ from: options.from ?? FROM, included }))
  return (await b.sh(`cd ${home}; index=$(git write-tree); cp .git/index .git/side; export GIT_INDEX_FILE=.git/side; git add -A; ${included.length === 0 ? '' : `git add -f -- ${included.map((path) => `'${path}'`).join(' ')}`}
    i=$(git commit-tree $index -p HEAD -m index); w=$(git commit-tree $(git write-tree) -p HEAD -p $i -F .git/message); git push -qf ${b.hosted} $w:refs/berth/push; echo $w`)).trim()
}
async function take(strategy: PushStrategy = 'refuse', options: Parameters<typeof sent>[0] = {}) {
  return b.calls['git.take']({ key: crypto.randomUUID(), commit: await sent(options), strategy }, b.signal)
}
const here = (path: string): string => readFileSync(join(b.work, path), 'utf8')
const status = (dir: string): Promise<string> => b.sh('git status --porcelain -z', dir)

describe('what only the person changed', () => {
  test('comes with index, branch, modes, links and deletions, exactly', async () => {
    await b.sh(`cd ${home}; echo staged > one; git add one; echo more >> one; git mv two moved; rm untracked; ln -s one link; chmod +x both; mkdir -p d/e; echo x > d/e/f; git commit -qm second --only moved two; printf 'odd\\n' > $'new\\nline\\xff'`)
    expect(await take()).toMatchObject({ ok: true, outcome: { head: 'moved', keptBranch: null, kept: [], checkpoint: expect.any(String) } })
    expect(await b.sh('git ls-files -s')).toBe(await b.sh('git ls-files -s', home))
    expect(await b.sh('git rev-parse HEAD')).toBe(await b.sh('git rev-parse HEAD', home))
    expect(await status(b.work)).toBe(await status(home))
    expect((await b.sh('readlink link; stat -c %A both')).trim()).toBe('one\n-rwxr-xr-x')
    expect(existsSync(join(b.work, 'untracked'))).toBe(false)
    // Once more there is nothing to do.
    expect(await take()).toMatchObject({ ok: true, outcome: { files: 0, head: 'kept', checkpoint: null } })
  })

  test('goes back with them when they check out what was before, and is no change there', async () => {
    await b.sh(`cd ${home}; git add .; git commit -qm second; git switch -qc feature; echo feature > one; git commit -qam feature`)
    await take()
    await b.sh('git switch -q main', home)
    expect(await take()).toMatchObject({ ok: true, outcome: { head: 'moved', keptBranch: null } })
    expect([await b.sh('git rev-parse HEAD'), await status(b.work)]).toEqual([await b.sh('git rev-parse HEAD', home), ''])
    // What the agent committed since stays, and the branch with it.
    await b.sh('echo agent > agent; git add agent; git commit -qm agent')
    await b.sh('git reset -q --hard HEAD~1', home)
    expect(await take()).toMatchObject({ ok: true, outcome: { head: 'kept' } })
    expect((await b.sh('git log -1 --format=%s')).trim()).toBe('agent')
  })

  test('comes beside what the agent made and committed, and can be taken back', async () => {
    await b.sh('echo agent > agent; git add agent; git commit -qm agent; echo loose > loose')
    await b.sh('echo mine > one', home)
    const done = await take()
    expect(done).toMatchObject({ ok: true, outcome: { files: 1, head: 'kept' } })
    expect([here('one'), here('agent'), here('loose')]).toEqual(['mine\n', 'agent\n', 'loose\n'])
    const { before } = await b.calls['git.rewind']({ key: 'back', commit: done.ok ? done.outcome.checkpoint ?? '' : '', conversation: false }, b.signal)
    expect(here('one')).toBe('one\n')
    expect(before).toMatch(/^[0-9a-f]{40}$/)
  })
})

describe('what both changed', () => {
  test('is refused by name, and nothing is touched', async () => {
    await b.sh('echo agent > one; echo agent > two')
    await b.sh('echo person > one; echo person > fresh', home)
    const [tree, head] = [await b.treeOf(), await b.sh('git rev-parse HEAD; git ls-files -s')]
    expect(await take()).toEqual({ ok: false, why: 'files', files: ['one'], total: 1 })
    expect([await b.treeOf(), await b.sh('git rev-parse HEAD; git ls-files -s')]).toEqual([tree, head])
    // A deletion and a change, a file and a directory of one name.
    await b.sh('git checkout -q one; rm two; mkdir dir; echo x > dir/x')
    await b.sh('git checkout -q one; echo person > two; echo file > dir', home)
    expect(await take()).toMatchObject({ ok: false, files: expect.arrayContaining(['two', 'dir']), total: 2 })
  })

  test('and made the same of it is no conflict', async () => {
    await Promise.all([b.sh('echo same > one'), b.sh('echo same > one', home)])
    expect(await take()).toMatchObject({ ok: true, outcome: { files: 0 } })
  })

  test('merges line by line when asked, or is refused as a whole', async () => {
    await b.sh("sed -i 's/^a$/agent/' both")
    await b.sh("sed -i 's/^h$/person/' both", home)
    expect(await take()).toMatchObject({ ok: false, files: ['both'] })
    expect(await take('merge')).toMatchObject({ ok: true, outcome: { files: 1 } })
    expect(here('both')).toBe('agent\nb\nc\nd\ne\nf\ng\nperson\n')
    await b.sh("sed -i 's/^agent$/other/' both")
    await b.sh("sed -i 's/^a$/mine/' both", home)
    expect(await take('merge')).toMatchObject({ ok: false, files: ['both'] })
  })

  test("stays the workspace's with keep, becomes the person's with force, directories included", async () => {
    await b.sh('echo agent > one; mkdir dir; echo x > dir/x')
    await b.sh('echo person > one; echo file > dir; echo fresh > fresh', home)
    expect(await take('keep')).toMatchObject({ ok: true, outcome: { kept: expect.arrayContaining(['one', 'dir']), keptTotal: 2 } })
    expect([here('one'), here('dir/x'), here('fresh')]).toEqual(['agent\n', 'x\n', 'fresh\n'])
    await b.sh('echo again > one; echo again > dir', home)
    const done = await take('force')
    expect(done).toMatchObject({ ok: true })
    expect([here('one'), here('dir')]).toEqual(['again\n', 'again\n'])
    await b.calls['git.rewind']({ key: 'back', commit: done.ok ? done.outcome.checkpoint ?? '' : '', conversation: false }, b.signal)
    expect([here('one'), here('dir/x')]).toEqual(['agent\n', 'x\n'])
  })
})

describe('commits of both', () => {
  beforeEach(async () => {
    await b.sh('echo agent > agent; git add agent; git commit -qm agent')
    await b.sh('echo person > person; git add person; git commit -qm person', home)
  })
  test('are refused, merged, or forced with the agent\'s on a branch', async () => {
    const before = (await b.sh('git rev-parse HEAD')).trim()
    expect(await take()).toMatchObject({ ok: false, why: 'commits' })
    expect(existsSync(join(b.work, 'person'))).toBe(false)
    expect(await take('merge')).toMatchObject({ ok: true, outcome: { head: 'merged' } })
    expect((await b.sh('git log --format=%s HEAD^1 HEAD^2 -- agent person')).trim().split('\n').sort()).toEqual(['agent', 'person'])
    expect([here('agent'), here('person')]).toEqual(['agent\n', 'person\n'])
    await b.sh('git reset -q --hard; git commit -q --allow-empty -m later')
    const later = (await b.sh('git rev-parse HEAD')).trim()
    await b.sh('git commit -q --amend -m rewritten', home)
    const forcedOff = await take('force')
    expect(forcedOff).toMatchObject({ ok: true, outcome: { head: 'moved' } })
    expect((await b.sh(`git rev-parse ${forcedOff.ok ? forcedOff.outcome.keptBranch : ''}`)).trim()).toBe(later)
    expect(before).not.toBe(later)
  })
  test('in the middle of a merge the branch stays', async () => {
    await b.sh('git switch -qc side HEAD~1; echo other > agent; git add agent; git commit -qm side; git merge berth/demo >/dev/null || true')
    expect(await take('force')).toMatchObject({ ok: false, why: 'merging' })
  })
})

describe('ignored files', () => {
  test('that are named come, stay when they are not named, and are not lost when replaced', async () => {
    await b.sh('echo A=1 > .env', home)
    expect(await take('refuse', { included: ['.env'] })).toMatchObject({ ok: true, outcome: { files: 1 } })
    expect(here('.env')).toBe('A=1\n')
    expect(await status(b.work)).toBe(await status(home))
    expect(await take()).toMatchObject({ ok: true, outcome: { files: 0 } })
    expect(here('.env')).toBe('A=1\n')
    await b.sh('echo A=2 > .env', home)
    expect(await take('refuse', { included: ['.env'] })).toMatchObject({ ok: true })
    expect(here('.env')).toBe('A=2\n')
    await b.sh('echo AGENT=1 > .env')
    await b.sh('echo A=3 > .env', home)
    expect(await take('refuse', { included: ['.env'] })).toMatchObject({ ok: false, files: ['.env'] })
    const done = await take('force', { included: ['.env'] })
    expect(here('.env')).toBe('A=3\n')
    await b.calls['git.rewind']({ key: 'back', commit: done.ok ? done.outcome.checkpoint ?? '' : '', conversation: false }, b.signal)
    expect(here('.env')).toBe('AGENT=1\n')
  })

  test('that were named once stay when lines are merged, as the agent left them', async () => {
    // Ignored by the person alone, so in the workspace they are files like any other.
    await b.sh('printf "*.own\\n" >> .git/info/exclude; echo a > a.own; echo b > b.own; echo A=1 > .env', home)
    const included = ['a.own', 'b.own', '.env']
    expect(await take('refuse', { included })).toMatchObject({ ok: true, outcome: { files: 3 } })
    await b.sh("sed -i 's/^a$/agent/' both; echo agent > b.own")
    await b.sh("sed -i 's/^h$/person/' both", home)
    expect(await take('merge')).toMatchObject({ ok: true, outcome: { files: 1 } })
    expect([here('both'), here('a.own'), here('b.own'), here('.env')]).toEqual(['agent\nb\nc\nd\ne\nf\ng\nperson\n', 'a\n', 'agent\n', 'A=1\n'])
    // Named again it is the person's again.
    await b.sh("sed -i 's/^agent$/other/' both")
    await b.sh("sed -i 's/^g$/more/' both; echo more > a.own", home)
    expect(await take('merge', { included: ['a.own'] })).toMatchObject({ ok: true })
    expect([here('a.own'), here('b.own')]).toEqual(['more\n', 'agent\n'])
  })

  test('of the agent are not lost however many they are', async () => {
    const names = Array.from({ length: 600 }, (_, at) => `${at}.local`)
    await b.sh('echo "*.local" >> .gitignore; git add .; git commit -qm ignore', home)
    expect(await take()).toMatchObject({ ok: true })
    await b.sh('for i in $(seq 0 599); do echo AGENT > $i.local; done')
    await b.sh('for i in $(seq 0 599); do echo PERSON > $i.local; done', home)
    expect(await take('keep', { included: names })).toMatchObject({ ok: true, outcome: { keptTotal: 600 } })
    expect(names.filter((name) => here(name) !== 'AGENT\n')).toEqual([])
  })

  test('of the agent in a directory are not lost where a file of its name comes', async () => {
    await b.sh('echo "*.local" >> .gitignore; git add .; git commit -qm ignore', home)
    expect(await take()).toMatchObject({ ok: true })
    await b.sh('mkdir -p x.local/deep; echo AGENT > x.local/deep/a; echo AGENT > y.local')
    await b.sh('echo PERSON > x.local; echo PERSON > y.local; echo PERSON > z.local', home)
    const included = ['x.local', 'y.local', 'z.local']
    expect(await take('refuse', { included })).toMatchObject({ ok: false, files: ['x.local', 'y.local'] })
    expect(await take('keep', { included })).toMatchObject({ ok: true, outcome: { kept: ['x.local', 'y.local'] } })
    expect([here('x.local/deep/a'), here('y.local'), here('z.local')]).toEqual(['AGENT\n', 'AGENT\n', 'PERSON\n'])
    await b.sh('echo AGAIN > x.local', home)
    const done = await take('force', { included })
    expect(here('x.local')).toBe('AGAIN\n')
    await b.calls['git.rewind']({ key: 'back', commit: done.ok ? done.outcome.checkpoint ?? '' : '', conversation: false }, b.signal)
    expect(here('x.local/deep/a')).toBe('AGENT\n')
  })

  test('of the agent below a directory are not lost where a file takes its place, whoever replaces it', async () => {
    await b.sh('mkdir d e; echo a > d/a; echo e > e/a; echo "*.log" >> .gitignore; git add .; git commit -qm directories', home)
    expect(await take()).toMatchObject({ ok: true })
    await b.sh('mkdir -p d/deep only; echo AGENT > d/x.log; echo AGENT > d/deep/y.log; echo AGENT > only/z.log; echo AGENT > e/kept.log')
    const logs = ['d/x.log', 'd/deep/y.log', 'only/z.log']
    await b.sh('rm -r d; echo file > d; echo file > only', home)
    expect(await take('refuse')).toMatchObject({ ok: false, files: ['d', 'only'] })
    expect(logs.map(here)).toEqual(logs.map(() => 'AGENT\n'))
    const done = await take('force')
    expect([here('d'), here('only'), here('e/kept.log')]).toEqual(['file\n', 'file\n', 'AGENT\n'])
    const { before } = await b.calls['git.rewind']({ key: 'back', commit: done.ok ? done.outcome.checkpoint ?? '' : '', conversation: false }, b.signal)
    expect(logs.map(here)).toEqual(logs.map(() => 'AGENT\n'))
    // Back to the files, and once more to what the second rewind kept by itself.
    const again = await b.calls['git.rewind']({ key: 'forth', commit: before, conversation: false }, b.signal)
    expect(here('d')).toBe('file\n')
    await b.calls['git.rewind']({ key: 'and back', commit: again.before, conversation: false }, b.signal)
    expect(logs.map(here)).toEqual(logs.map(() => 'AGENT\n'))
  })

  test('of the agent are not lost behind a path that git refuses to look at', async () => {
    await b.sh('mkdir docs other; echo d > docs/a; echo o > other/a; echo "*.local" >> .gitignore; git add .; git commit -qm docs', home)
    expect(await take()).toMatchObject({ ok: true })
    await b.sh('rm -r docs; ln -s other docs; echo AGENT > z.local; mkdir deep; echo AGENT > deep/z.local')
    await b.sh('echo person > docs/a; echo PERSON > z.local; mkdir deep; echo PERSON > deep/z.local', home)
    const included = ['z.local', 'deep/z.local']
    expect(await take('keep', { included })).toMatchObject({ ok: true, outcome: { kept: expect.arrayContaining(['docs/a', ...included]), keptTotal: 3 } })
    expect([here('z.local'), here('deep/z.local'), here('other/a')]).toEqual(['AGENT\n', 'AGENT\n', 'o\n'])
    await b.sh('echo again > docs/a; echo AGAIN > z.local; echo AGAIN > deep/z.local', home)
    const done = await take('force', { included })
    expect([here('z.local'), here('deep/z.local')]).toEqual(['AGAIN\n', 'AGAIN\n'])
    await b.calls['git.rewind']({ key: 'back', commit: done.ok ? done.outcome.checkpoint ?? '' : '', conversation: false }, b.signal)
    expect([here('z.local'), here('deep/z.local')]).toEqual(['AGENT\n', 'AGENT\n'])
  })
})

test('another clone shares commits only: it does not undo what the first had uncommitted', async () => {
  await b.sh('echo first > one', home)
  expect(await take()).toMatchObject({ ok: true })
  await b.sh('git checkout -q one; rm -f untracked; echo second > two', home)
  expect(await take('refuse', { from: 'clone-2' })).toMatchObject({ ok: true, outcome: { files: 1 } })
  expect([here('one'), here('two'), here('untracked')]).toEqual(['first\n', 'second\n', 'new\n'])
  await b.sh('git checkout -q --orphan other; git rm -rfq .; echo x > x; git add x; git commit -qm x', home)
  expect(await take('refuse', { from: 'clone-3' })).toMatchObject({ ok: false, why: 'unrelated' })
})
