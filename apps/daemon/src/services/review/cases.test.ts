/** Every kind of change, with real git: shown as what it is, accepted to the worktree's tree, rejected back to the reviewed one. */
import { afterEach, beforeEach, expect, setDefaultTimeout, test } from 'bun:test'
import { chownSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { editHunk, findAgain, partsOf } from '@berth/core'
import type { ChangedFile, Changes, Mark } from '@berth/core'
import { unpack } from '@berth/wire/git-bytes'
import { KEPT_CHECKPOINTS } from './checkpoints.ts'
import { AGENT, startBench } from './testing.ts'
import type { Bench } from './testing.ts'

setDefaultTimeout(120_000)
let b: Bench
beforeEach(async () => { b = await startBench() })
afterEach(() => b.close())

function put(name: string, bytes: string): void {
  writeFileSync(join(b.work, name), Buffer.from(bytes, 'latin1'))
  if (AGENT !== null) chownSync(join(b.work, name), AGENT.uid, AGENT.gid)
}
const text = (name: string): string => readFileSync(join(b.work, name), 'latin1')
const lines = (count: number, word = 'line'): string => Array.from({ length: count }, (_, index) => `${word} ${index}\n`).join('')

/** Commits what `before` makes; the tree it is. */
async function from(before: string): Promise<string> {
  await b.sh(`${before}\ngit add -A; git commit -qm first --allow-empty; git update-ref refs/berth/source HEAD`)
  return b.treeOf()
}

const whole = ({ files }: Changes, mark: Mark['mark']): Mark[] => files.map(({ path }) => ({ path, mark }))

/** Part by part, and whole. */
async function roundTrip(base: string): Promise<ChangedFile[]> {
  const { changes, tree } = await b.read(base)
  expect(tree).toBe(await b.treeOf())
  let reviewed = base
  for (;;) {
    const next = (await b.read(reviewed)).changes.files[0]
    if (next === undefined) break
    const [part] = partsOf(next)
    reviewed = await b.accept(reviewed, [{ path: next.path, mark: 'accepted', ...(part === undefined || part.hunkId === '' ? {} : { hunkId: part.hunkId }) }])
  }
  expect(reviewed).toBe(tree)
  expect(await b.accept(base, whole(changes, 'accepted'))).toBe(tree)
  await b.reject(base, whole(changes, 'rejected'))
  expect(await b.treeOf()).toBe(base)
  return [...changes.files]
}

test('a binary file', async () => {
  const base = await from('head -c 3000 /dev/urandom > x.png; head -c 10 /dev/zero > gone.bin')
  await b.sh('head -c 5000 /dev/urandom > x.png; head -c 7 /dev/zero > new.bin; rm gone.bin')
  expect(await roundTrip(base)).toMatchObject([
    { path: 'gone.bin', status: 'deleted', kind: 'binary', before: '10', after: null },
    { path: 'new.bin', status: 'added', kind: 'binary', before: null, after: '7', hunks: [] },
    { path: 'x.png', status: 'modified', kind: 'binary', before: '3000', after: '5000', hunks: [] },
  ])
})

test('a renamed file, with changes and without', async () => {
  put('a.txt', lines(40))
  put('p.txt', lines(40, 'pure'))
  const base = await from('true')
  await b.sh('git mv a.txt b.txt; sed -i "s/^line 3$/three/; s/^line 30$/thirty/" b.txt; mkdir d; mv p.txt d/p.txt')
  expect(await roundTrip(base)).toMatchObject([
    { path: 'b.txt', oldPath: 'a.txt', status: 'renamed', added: 2, removed: 2 },
    { path: 'd/p.txt', oldPath: 'p.txt', status: 'renamed', hunks: [] },
  ])
})

test('one hunk of a renamed file is rejected, and the rename stays', async () => {
  put('a.txt', lines(40))
  const base = await from('true')
  await b.sh('git mv a.txt b.txt; sed -i "s/^line 3$/three/; s/^line 30$/thirty/" b.txt')
  const [file] = (await b.read(base)).changes.files
  await b.reject(base, [{ path: 'b.txt', hunkId: file?.hunks[0]?.hunkId ?? '', mark: 'rejected' }])
  expect(await b.sh('ls; grep -c -e "^line 3$" -e thirty b.txt')).toBe('b.txt\n2\n')
})

test('a copied file', async () => {
  put('a.txt', lines(40))
  const base = await from('true')
  await b.sh('cp a.txt c.txt; echo more >> a.txt')
  expect(await roundTrip(base)).toMatchObject([{ path: 'a.txt', status: 'modified' }, { path: 'c.txt', oldPath: 'a.txt', status: 'copied' }])
})

test('a deleted file, an emptied one and an empty new one', async () => {
  const base = await from('echo a > a; echo b > b')
  await b.sh('rm a; : > b; : > c')
  expect(await roundTrip(base)).toMatchObject([{ path: 'a', status: 'deleted' }, { path: 'b', status: 'modified', added: 0, removed: 1 }, { path: 'c', status: 'added', hunks: [] }])
})

test('a change of mode, alone and with lines', async () => {
  const base = await from('echo a > a; echo b > b')
  await b.sh('chmod +x a b; echo B >> b')
  expect(await roundTrip(base)).toMatchObject([
    { path: 'a', from: { mode: '100644' }, to: { mode: '100755' }, hunks: [] }, { path: 'b', to: { mode: '100755' }, hunks: [{ newLines: 2 }] },
  ])
  // The agent's own setting does not hide it.
  await b.sh('git config core.fileMode false; chmod +x a')
  expect((await b.read(base)).changes.files).toMatchObject([{ path: 'a', to: { mode: '100755' } }])
})

test('a symbolic link, and a file that becomes one', async () => {
  const base = await from('ln -s /etc/passwd l; echo text > f')
  await b.sh('ln -sfn elsewhere l; rm f; ln -s l f; ln -s x new')
  expect(await roundTrip(base)).toMatchObject([
    { path: 'f', status: 'type-changed', kind: 'symlink' }, { path: 'l', status: 'modified', kind: 'symlink' }, { path: 'new', status: 'added', kind: 'symlink' },
  ])
})

test('a submodule', async () => {
  await b.sh(`git init -q -b main ../home/sub; cd ../home/sub; git commit -q --allow-empty -m one; cd ${b.work}; git -c protocol.file.allow=always submodule --quiet add ../home/sub sub`)
  const base = await from('true')
  const old = (await b.sh('git -C sub rev-parse HEAD')).trim()
  await b.sh('git -C sub commit -q --allow-empty -m two')
  const { changes, tree } = await b.read(base)
  expect(changes.files).toMatchObject([{ path: 'sub', kind: 'submodule', before: old, hunks: [] }])
  expect(await b.accept(base, [{ path: 'sub', mark: 'accepted' }])).toBe(tree)
  await b.reject(base, [{ path: 'sub', mark: 'rejected' }])
  expect((await b.sh('git -C sub rev-parse HEAD')).trim()).toBe(old)
})

test('CRLF lines, and line ends that change', async () => {
  put('dos.txt', 'one\r\ntwo\r\nthree\r\n')
  put('unix.txt', 'one\ntwo\n')
  const base = await from('true')
  put('dos.txt', 'one\r\nTWO\r\nthree\r\n')
  put('unix.txt', 'one\r\ntwo\r\n')
  const files = await roundTrip(base)
  expect(files.map((file) => file.hunks[0]?.lines.filter((line) => line[0] === '+'))).toEqual([['+TWO\r'], ['+one\r', '+two\r']])
})

test('a tree whose attributes turn line ends', async () => {
  put('.gitattributes', '*.bat text eol=crlf\n')
  put('x.bat', 'one\r\ntwo\r\n')
  const base = await from('true')
  put('x.bat', 'one\r\nTWO\r\n')
  await roundTrip(base)
  expect(text('x.bat')).toBe('one\r\ntwo\r\n')
})

test('no line end at the end of a file', async () => {
  put('a', 'one\ntwo')
  put('b', 'one\ntwo\n')
  put('c', 'one')
  const base = await from('true')
  put('a', 'one\ntwo\n')
  put('b', 'one\ntwo')
  put('c', 'ONE')
  expect((await roundTrip(base)).map(({ hunks }) => hunks[0]?.lines.filter((line) => line[0] === '\\').length)).toEqual([1, 1, 2])
})

test('a huge file: its hunks are read when it is asked for', async () => {
  put('huge.txt', lines(20_000))
  put('copied.txt', lines(100, 'other'))
  const base = await from('true')
  put('huge.txt', lines(20_000, 'LINE'))
  put('small.txt', 'small\n')
  const { changes, tree } = await b.read(base)
  expect(changes).toMatchObject({ omitted: 0, files: [{ path: 'huge.txt', huge: true, hunks: [], added: 20_000, removed: 20_000 }, { path: 'small.txt', huge: false, hunks: [{}] }] })
  const only = await b.read(base, 'huge.txt')
  expect(only.changes.files).toMatchObject([{ path: 'huge.txt', huge: false }])
  expect(only.changes.files[0]?.hunks[0]?.lines).toHaveLength(40_000)
  expect(await b.accept(base, whole(changes, 'accepted'))).toBe(tree)
  await b.reject(base, [{ path: 'huge.txt', mark: 'rejected' }])
  expect(text('huge.txt')).toBe(lines(20_000))
})

test('more than 2,000 files, and more bytes than one message holds', async () => {
  const base = await from('echo a > a')
  await b.sh('mkdir many; for i in $(seq 2500); do echo $i > many/$i; done')
  const { changes } = await b.read(base)
  expect(changes.files).toHaveLength(2000)
  expect(changes.omitted).toBe(500)
  await b.sh('rm -r many; head -c 6000000 /dev/urandom | base64 -w 60 | split -l 4000 - part-')
  const answer = await b.calls['review.read']({ against: base, limitBytes: 4 * 1024 * 1024 }, b.signal)
  expect(answer.truncated).toBe(true)
  expect(JSON.stringify(answer).length).toBeLessThan(1024 * 1024)
  const cut = (await b.read(base)).changes
  expect(cut.files.length).toBeGreaterThan(0)
  expect(cut.files.length + cut.omitted).toBe(answer.total)
})

test('a tree with conflicts: shown as such, and not committed', async () => {
  const base = await from('echo base > f')
  await b.sh('git switch -q -c other; echo theirs > f; git commit -qam other; git switch -q main; echo ours > f; git commit -qam ours; git merge other || true')
  const { changes } = await b.read(base)
  expect(changes.files).toMatchObject([{ path: 'f', status: 'conflict', kind: 'text' }])
  expect(changes.files[0]?.hunks[0]?.lines.join('\n')).toContain('+<<<<<<<')
  const refused = await b.calls['git.commit']({ key: 'k', message: 'm', tree: null, push: false }, b.signal).catch((error: unknown) => error)
  expect(refused).toMatchObject({ code: 'conflict', message: 'there are files with conflicts' })
  await b.reject(base, [{ path: 'f', mark: 'rejected' }])
  expect(text('f')).toBe('base\n')
  expect(await b.sh('git status --porcelain')).toContain('UU f')
})

test('file names with newlines, quotes, tabs, bidi, backslashes and bytes that are no UTF-8', async () => {
  const names = ['new\nline', 'quo"te', "it's", 'tab\tbed', 'sp ace', '\u202ereversed', '\u00fcml\u00e4ut', '-dash', 'back\\x41slash', ':(glob)*', '\u00f6 => b']
  const base = await from('echo first > first')
  for (const name of names) writeFileSync(join(b.work, name), 'before\nmore\n')
  await b.sh(`printf 'before\\n' > $'caf\\351'; printf 'a\\n' > $'caf\\351\\\\x41'`)
  const files = await roundTrip(base)
  expect(files.map(({ path }) => path).filter((path) => path.startsWith('caf'))).toEqual(['caf\\xe9', 'caf\\xe9\\x5cx41'])
  expect(files).toHaveLength(names.length + 2)
  // The same names once more, as changes inside.
  for (const name of names) writeFileSync(join(b.work, name), 'before\nmore\n')
  await b.sh(`printf 'before\\n' > $'caf\\351'`)
  const next = await from('true')
  for (const name of names) writeFileSync(join(b.work, name), 'after\nmore\n')
  await b.sh(`printf 'after\\n' > $'caf\\351'`)
  expect((await b.read(next, 'new\nline')).changes.files).toMatchObject([{ path: 'new\nline', status: 'modified' }])
  expect(await roundTrip(next)).toHaveLength(names.length + 1)
})

test('contents that are no UTF-8 go back byte by byte', async () => {
  put('latin', 'caf\u00e9\nold\n')
  const base = await from('true')
  put('latin', 'caf\u00e9\nn\u00e9w\n')
  await roundTrip(base)
  expect(text('latin')).toBe('caf\u00e9\nold\n')
})

test('a repository without a commit', async () => {
  put('a.txt', 'a\n')
  const empty = (await b.sh('git mktree </dev/null')).trim()
  const { base, changes } = await b.read(null)
  expect(base).toBe(empty)
  expect(changes.files).toMatchObject([{ path: 'a.txt', status: 'added' }])
  const commit = () => b.calls['git.commit']({ key: 'k', message: 'first\n\nbody', tree: null, push: false }, b.signal)
  // Asked again while it is made, it is the same commit.
  const [made, again] = await Promise.all([commit(), commit()])
  expect(again).toEqual(made)
  expect(await b.sh('git log --format=%an:%B; git status --porcelain')).toBe('Pat:first\n\nbody\n')
  // Repeated, it is the same commit.
  expect(await b.calls['git.commit']({ key: 'k', message: 'first', tree: null, push: false }, b.signal)).toEqual(made)
  expect(await b.calls['git.checkpoints']({ limit: 10 }, b.signal)).toEqual([])
})

test('a directory that is no repository is refused, also below another one', async () => {
  const bare = await startBench({ init: false })
  try {
    await bare.sh('git init -q ..').catch(() => '')
    const refused = await bare.read(null).catch((error: unknown) => error)
    expect(refused).toMatchObject({ code: 'unsupported', message: 'the work directory is not a git repository, so there is nothing to review', hint: expect.stringContaining('git init') })
  } finally {
    bare.close()
  }
})

test('a hunk that stands twice in one file is two hunks', async () => {
  const block = `${lines(10, 'same')}old\n${lines(10, 'same')}`
  put('a', `${block}${lines(20)}${block}`)
  const base = await from('true')
  put('a', `${block}${lines(20)}${block}`.replaceAll('old\n', 'new\n'))
  const hunks = (await b.read(base)).changes.files[0]?.hunks ?? []
  expect(hunks.map(({ hunkId }) => hunkId)).toEqual([hunks[0]?.hunkId ?? '', `${hunks[0]?.hunkId}-2`])
  const reviewed = await b.accept(base, [{ path: 'a', hunkId: hunks[1]?.hunkId ?? '', mark: 'accepted' }])
  expect(await b.sh(`git show ${reviewed}:a`)).toBe(`${block}${lines(20)}${block.replace('old', 'new')}`)
  await b.reject(base, [{ path: 'a', hunkId: hunks[1]?.hunkId ?? '', mark: 'rejected' }])
  expect(text('a')).toBe(`${block.replace('old', 'new')}${lines(20)}${block}`)
})

test('a decided hunk is found again inside a larger one, and not where it stands twice', async () => {
  put('a', lines(30))
  const base = await from('true')
  put('a', lines(30).replace('line 10\n', 'TEN\n'))
  const hunk = (await b.read(base)).changes.files[0]?.hunks[0]
  put('a', `${lines(30).replace('line 10\n', 'TEN\n').replace('line 8\n', 'eight\nmore\n').replace('line 12\n', '')}`)
  const [file] = (await b.read(base)).changes.files
  expect(file?.hunks).toHaveLength(1)
  const again = hunk === undefined ? null : findAgain(hunk, file)
  expect(again?.lines).toEqual([' eight', ' more', ' line 9', '-line 10', '+TEN', ' line 11', ' line 13', ' line 14'])
  put('a', lines(30).replace('line 10\n', 'ten\n'))
  expect(hunk === undefined ? 'none' : findAgain(hunk, (await b.read(base)).changes.files[0])).toBeNull()
})

test('an edited hunk keeps its context, its line ends and a missing one at the end', () => {
  const hunk = { hunkId: 'x', oldStart: 1, oldLines: 3, newStart: 1, newLines: 3, section: '', lines: [' a\r', '-b\r', '+c\r', ' d\r'] }
  expect(editHunk(hunk, 'x\ny\n').worktree?.lines).toEqual([' a\r', '-c\r', '+x\r', '+y\r', ' d\r'])
  expect(editHunk(hunk, 'b\n').reviewed).toBeNull()
  const endless = { ...hunk, lines: [' a', '-b', '+c', '\\ No newline at end of file'] }
  expect(editHunk(endless, 'x').worktree?.lines).toEqual([' a', '-c', '\\ No newline at end of file', '+x', '\\ No newline at end of file'])
  expect(editHunk(endless, '').reviewed?.lines).toEqual([' a', '-b'])
})

test('a change that does not fit touches no file at all', async () => {
  put('a', lines(10))
  put('b', lines(10))
  const base = await from('true')
  put('a', lines(10).replace('line 5', 'five'))
  put('b', lines(10).replace('line 5', 'five'))
  const { changes } = await b.read(base)
  const answer = await b.calls['review.read']({ against: base, limitBytes: 100_000 }, b.signal)
  put('b', lines(10).replace('line 5', 'fifty'))
  const state = await b.treeOf()
  const patch = answer.patch
  expect((await unpack(patch, 100_000)).startsWith('diff --git a/a b/a')).toBe(true)
  expect(await b.calls['review.apply']({ key: 'k', patch, reverse: true }, b.signal).catch((error: unknown) => error)).toMatchObject({ code: 'conflict' })
  const moves = changes.files.map(({ path, from: old, to }) => ({ path, from: to, to: old }))
  expect(await b.calls['review.apply']({ key: 'l', patch: '', moves, reverse: true }, b.signal).catch((error: unknown) => error)).toMatchObject({ code: expect.stringMatching(/conflict|bad_request/) })
  expect(await b.treeOf()).toBe(state)
})

test('a repository that lies hides nothing and runs nothing', async () => {
  const base = await from('echo good > f; echo keep > g')
  const mark = join(b.work, '../home/ran')
  await b.sh(`git config filter.evil.clean "sh -c 'touch ${mark}; echo good'"; git config filter.evil.smudge "touch ${mark}"; git config filter.evil.required true; git config filter.p.process "touch ${mark}"; echo '* filter=evil' > .git/info/attributes
git config core.fsmonitor "touch ${mark}"; git config diff.external "touch ${mark}"; git config diff.x.textconv "touch ${mark}"; git config core.worktree /tmp; git config core.excludesFile ${b.work}/.git/hide; echo evil > .git/hide
printf '#!/bin/sh\\ntouch ${mark}\\n' > .git/hooks/post-index-change; cp .git/hooks/post-index-change .git/hooks/pre-commit; cp .git/hooks/pre-commit .git/hooks/reference-transaction; chmod +x .git/hooks/*`)
  await b.sh('unset GIT_DIR; export GIT_WORK_TREE=$PWD; git -c core.fsmonitor= -c filter.evil.required=false update-index --assume-unchanged g; echo evil > g; echo evil > evil; echo bad > f')
  await b.sh(`rm -f ${mark}`)
  const blob = (await b.sh('printf "bad\\n" | git hash-object -w --no-filters --stdin')).trim()
  await b.sh(`git replace -f $(git rev-parse ${base}:f) ${blob} || true; rm -f ${mark}`)
  const { changes, tree } = await b.read(base)
  expect(changes.files.map(({ path }) => path)).toEqual(['evil', 'f', 'g'])
  await b.accept(base, whole(changes, 'accepted'))
  await b.calls['git.commit']({ key: 'k', message: 'm', tree, push: false }, b.signal)
  await b.reject(base, [{ path: 'f', mark: 'rejected' }])
  expect(text('f')).toBe('good\n')
  expect(existsSync(mark)).toBe(false)
})

test('an edit of the same length within the same second is seen', async () => {
  put('a', 'one\n')
  const base = await from('true')
  put('a', 'two\n')
  expect((await b.read(base)).changes.files).toMatchObject([{ path: 'a' }])
})

test('keeps a bounded number of checkpoints, one for each state', async () => {
  await from('echo a > a')
  for (let turn = 0; turn < 3; turn++) {
    put('a', `turn ${Math.min(turn, 1)}\n`)
    b.review.turnEnded()
    await b.review.settled()
  }
  expect(b.events.map((body) => (body.type === 'checkpoint' ? body.reason : body.type))).toEqual(['end of turn 1', 'end of turn 2'])
  await b.sh(`for i in $(seq 130); do printf 'create refs/berth/checkpoints/%015d-aaaaaa HEAD\\n' $i; done | git update-ref --stdin`)
  put('a', 'once more\n')
  b.review.turnEnded()
  await b.review.settled()
  expect((await b.sh('git for-each-ref refs/berth/checkpoints | wc -l')).trim()).toBe(String(KEPT_CHECKPOINTS))
  const [newest] = await b.calls['git.checkpoints']({ limit: 1 }, b.signal)
  expect(newest).toMatchObject({ reason: 'end of turn 4', files: 1 })
})
