/** Every kind of change that git knows, on a phone: seen for what it is, decided about, and the tree is as decided. */
import { afterAll, beforeAll, expect } from 'bun:test'
import type { Page } from 'playwright-core'
import { act, hunk, numbered, picture, reject, room, startDesk, toFile, type Desk } from './review-hands.ts'
import { CHROMIUM, PHONE, test } from './world.ts'

let desk: Desk
let phone: Page

const GIT = 'git -c user.name=Agent -c user.email=agent@example.com'
/** By a shell, as agents do it: nothing of it is told by a tool. The conflict comes first, since a merge wants a clean index. */
const CHANGE = [
  `${GIT} checkout -q -b other && echo theirs > fought.txt && ${GIT} commit -qam theirs && ${GIT} checkout -q - && echo ours > fought.txt && ${GIT} commit -qam ours && { ${GIT} merge -q other || true; }`,
  "printf 'one\\r\\nTWO\\r\\nthree\\r\\n' > crlf.txt",
  "printf 'no end' > endless.txt",
  'head -c 300 /dev/zero > picture.bin',
  'mv src/old.ts src/renamed.ts',
  "sed 's/line 7$/line SEVEN/' long.txt > moved.txt && rm long.txt",
  'chmod +x run.sh',
  'ln -sfn bye.txt pointer',
  'rm gone.txt',
  'seq 1 6000 > huge.txt',
  `git init -q -b main sub && echo inside > sub/file && git -C sub add -A && ${GIT} -C sub commit -q -m inside`,
  `printf '<img src=x onerror=window.pwned=1>\\n' > "$(printf 'odd \\342\\200\\256gpj.sh')"`,
  `echo x > "$(printf 'two\\nlines.txt')"`,
  "printf 'plain \\033[31mred\\033[0m \\342\\200\\256txet\\n' > escapes.txt",
  `head -c 300000 /dev/zero | tr '\\0' y > broad.txt`,
  `head -c 3000000 /dev/zero | tr '\\0' x > wide.txt`,
].join('\n')

beforeAll(async () => {
  if (CHROMIUM === null) return
  desk = await startDesk({
    'crlf.txt': 'one\r\ntwo\r\nthree\r\n', 'endless.txt': 'has an end\n', 'picture.bin': Buffer.alloc(200, 0), 'src/old.ts': 'export const old = true\n', 'long.txt': numbered(40),
    'run.sh': '#!/bin/sh\n', 'bye.txt': 'bye\n', 'pointer': { link: 'run.sh' }, 'gone.txt': 'was here\n', 'fought.txt': 'base\n',
  }, { change: () => [[{ tool: 'bash', input: { command: CHANGE } }], [{ text: 'Everything is changed.' }]] }, 'please do [[change]]')
  phone = await desk.world.open(PHONE)
  await desk.enter(phone, 'changes')
  await room(phone).getByText(/0 of \d+/).waitFor()
}, 300_000)
afterAll(() => desk?.close(), 120_000)

/** What it says of itself, beside its lines. */
const says = (words: string | RegExp) => room(phone).getByText(words).first().waitFor()
const fileOf = async (path: string) => (await desk.review()).files.find((file) => file.path === path)

test('review-binary: sizes are told, and the bytes come back', async () => {
  await toFile(phone, 'picture.bin')
  await says(/Binary: 200 B → 300 B/)
  await picture(phone, 'review-binary-phone')
  await reject(phone, 'no picture')
  expect((await desk.sh('wc -c < picture.bin')).trim()).toBe('200')
  expect(await desk.markOf('picture.bin')).toBe('rejected')
}, 60_000)

test('review-rename: where it came from is told, with its lines and without', async () => {
  await toFile(phone, 'src/renamed.ts')
  await says('Renamed from')
  await says('The content is the same.')
  await act(phone, 'Accept').click()
  await says(/^Accepted renamed.ts/)
  await toFile(phone, 'moved.txt')
  await says('Renamed from')
  await hunk(phone, 'SEVEN').waitFor()
  await reject(phone)
  // The line is as it was, the new name stays.
  expect(await desk.sh('grep -c "^line 7$" moved.txt; ls long.txt 2>&1 || true')).toContain('1\n')
  expect((await fileOf('moved.txt'))?.status).toBe('renamed')
}, 60_000)

test('review-huge: more than 5,000 lines come when they are asked for, a part at a time', async () => {
  await toFile(phone, 'huge.txt')
  await says('6,000 changed lines. It is read when you ask for it, and decided as a whole.')
  await phone.getByRole('button', { name: 'Load this file' }).click()
  await phone.getByRole('button', { name: /Show 5,600 more lines/ }).waitFor()
  await act(phone, 'Accept').click()
  await says(/^Accepted/)
  expect((await desk.review()).files.find(({ path }) => path === 'huge.txt')?.mark).toBe('accepted')
  // A long line is cut where it is drawn; what does not fit a message is decided unseen, and that is said.
  await toFile(phone, 'broad.txt')
  await says('298,000 more characters')
  await toFile(phone, 'wide.txt')
  await phone.getByRole('button', { name: 'Load this file' }).click()
  await says(/more than can be shown here/)
  await reject(phone)
  expect(await desk.sh('ls wide.txt 2>&1 || true')).toContain('No such file')
}, 90_000)

test('review-crlf: line ends are told, and kept by an edit', async () => {
  await toFile(phone, 'crlf.txt')
  await says('Lines end with CR LF')
  expect(await hunk(phone, 'TWO').locator('.l').count()).toBe(4)
  await hunk(phone, 'TWO').getByRole('button', { name: /^More about/ }).click()
  await phone.getByRole('button', { name: /Edit by hand/ }).click()
  await phone.getByRole('dialog').getByLabel(/The new lines/).fill('Two')
  await phone.getByRole('button', { name: 'Keep my version' }).click()
  await phone.getByRole('dialog').waitFor({ state: 'detached' })
  expect(await desk.sh('od -c crlf.txt | head -1')).toContain('T   w   o  \\r  \\n')
}, 60_000)

test('review-no-newline: a missing line end is told, and comes back', async () => {
  await toFile(phone, 'endless.txt')
  await says('no line end')
  await reject(phone)
  expect(await desk.sh('cat endless.txt')).toBe('has an end\n')
}, 60_000)

test('review-submodule: commits are told; what cannot be taken out is said, and left', async () => {
  await toFile(phone, 'sub')
  await says(/Submodule: none → [0-9a-f]{10}/)
  await picture(phone, 'review-submodule-phone')
  await reject(phone)
  await says(/submodule sub cannot be put back here/)
  expect(await desk.markOf('sub')).toBe('open')
  await act(phone, 'Accept').click()
  await says(/^Accepted sub/)
  const first = (await fileOf('sub'))?.after ?? ''
  await desk.agent(`[[run echo more >> sub/file && ${GIT} -C sub commit -qam more]]`)
  await toFile(phone, 'sub')
  await says(new RegExp(`Submodule: ${first.slice(0, 10)} → [0-9a-f]{10}`))
  await reject(phone)
  expect((await desk.sh('git -C sub rev-parse HEAD')).trim()).toBe(first)
}, 120_000)

test('review-mode: who may run it is told, and taken back', async () => {
  await toFile(phone, 'run.sh')
  await says('Now executable')
  await reject(phone)
  expect(await desk.sh('test -x run.sh && echo yes || echo no')).toBe('no\n')
}, 60_000)

test('review-symlink: where it points is the line', async () => {
  await toFile(phone, 'pointer')
  await says('Symbolic link: the line is where it points')
  await hunk(phone, 'bye.txt').waitFor()
  await reject(phone)
  expect((await desk.sh('readlink pointer')).trim()).toBe('run.sh')
}, 60_000)

test('review-delete: what is gone is shown, and comes back', async () => {
  await toFile(phone, 'gone.txt')
  await says('Deleted')
  await hunk(phone, 'was here').waitFor()
  await reject(phone, 'still needed')
  expect(await desk.sh('cat gone.txt')).toBe('was here\n')
}, 60_000)

test('review-conflict: both sides are shown, a commit is refused until it is settled', async () => {
  await toFile(phone, 'fought.txt')
  await says('Merge conflict: both sides stand in the file')
  await hunk(phone, '<<<<<<<').waitFor()
  await picture(phone, 'review-conflict-phone')
  await phone.getByRole('button', { name: 'More about the review' }).click()
  await phone.getByRole('dialog').getByRole('button', { name: /^Commit/ }).click()
  await phone.getByRole('dialog').getByLabel('Message').fill('Too early')
  await phone.getByRole('dialog').getByRole('button', { name: /^Commit \d+ files/ }).click()
  await phone.getByRole('dialog').getByText('there are files with conflicts').waitFor()
  await phone.keyboard.press('Escape')
  await phone.getByRole('dialog').waitFor({ state: 'detached' })
  await desk.agent('[[run echo settled > fought.txt && git add fought.txt]]')
  await hunk(phone, 'settled').waitFor()
  expect((await fileOf('fought.txt'))?.status).toBe('modified')
}, 120_000)

test('review-hostile: names and lines cannot turn themselves around, break the list or become markup', async () => {
  await phone.getByRole('button', { name: /all files/i }).first().click()
  const list = phone.getByRole('dialog')
  await list.getByText('⟨U+202E⟩').waitFor()
  await picture(phone, 'review-files-phone')
  await list.locator('.file-choice').filter({ hasText: 'two lines.txt' }).click()
  await hunk(phone, 'x').waitFor()
  await toFile(phone, 'escapes.txt')
  await hunk(phone, '⟨U+202E⟩').waitFor()
  await hunk(phone, '⟨U+001B⟩').waitFor()
  await picture(phone, 'review-escapes-phone')
  expect(await phone.evaluate(() => 'pwned' in globalThis)).toBe(false)
}, 60_000)

test('nothing that was shown made the browser complain', () => {
  // What was refused on purpose is told by the browser too.
  expect(desk.world.complaints.filter((text) => !text.includes('status of 409'))).toEqual([])
})
