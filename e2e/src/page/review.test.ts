/** A review as people do it, by thumb and by keys: from the first hunk to the message, the commit and the way back. */
import { afterAll, beforeAll, expect } from 'bun:test'
import type { Page } from 'playwright-core'
import { eventually } from '../product.ts'
import { git } from '../repository.ts'
import { act, hunk, numbered, picture, reject, room, startDesk, toFile, type Desk } from './review-hands.ts'
import { touch } from './touch.ts'
import { CHROMIUM, DESK, PHONE, TABLET, test } from './world.ts'

let desk: Desk
let phone: Page
let wide: Page

const SUM = `// Sums of invoices.
export function total(lines: Line[]): number {
  return lines.reduce((sum, line) => sum + round(net(line)), 0)
}
`
const CHANGE = [
  "sed -i -e 's/^line 5$/line FIVE/' -e 's/^line 30$/THIRTY/' -e 's/^line 50$/FIFTY/' list.txt",
  'sed -i s/41/42/ src/app.ts',
  "sed -i 's/round(net(line))/net(line) \\/* exact, and so long a line that no phone shows it whole *\\//' src/sum.ts",
  "printf '# Notes\\n\\nOne.\\n' > notes.md",
  'echo more >> other.txt',
].join('\n')
const HELD = "sed -i 's/^line 20$/TWENTY/' list.txt\nuntil [ -e .git/go ]; do sleep 0.05; done; rm .git/go"

beforeAll(async () => {
  if (CHROMIUM === null) return
  desk = await startDesk({ 'list.txt': numbered(60), 'src/app.ts': '// The answer.\nexport const answer = 41\n', 'src/sum.ts': SUM, 'other.txt': 'other\n' }, {
    change: () => [[{ tool: 'bash', input: { command: CHANGE } }], [{ text: 'Everything is changed.' }]],
    hold: () => [[{ tool: 'bash', input: { command: HELD } }], [{ text: 'Line 20 is changed.' }]],
  }, 'please do [[change]]')
  phone = await desk.world.open(PHONE)
  wide = await desk.world.open(DESK)
  await desk.enter(phone, 'changes')
  await room(phone).getByText('0 of 7 decided').waitFor()
}, 300_000)
afterAll(() => desk?.close(), 120_000)

const openMenu = (page: Page) => page.getByRole('button', { name: 'More about the review' }).click()
const sheet = (page: Page) => page.getByRole('dialog')
const gone = (page: Page) => sheet(page).waitFor({ state: 'detached' })

test('review-words: changed words are marked in lines that have their colours', async () => {
  await toFile(phone, 'src/app.ts')
  await hunk(phone, '42').waitFor()
  expect(await hunk(phone, '42').locator('.l.a .word').innerText()).toBe('42')
  expect(await hunk(phone, '42').locator('.l.d .word').innerText()).toBe('41')
  expect(await hunk(phone, '42').locator('.v-k').first().innerText()).toBe('export')
  expect(await hunk(phone, '42').locator('.v-c').first().innerText()).toBe('// The answer.')
  expect(await phone.locator('.diff.two').count()).toBe(0)
  await picture(phone, 'review-phone')
}, 60_000)

test('review-pager: files are paged by a swipe, by buttons and by the list', async () => {
  const name = () => phone.locator('.file-name b').innerText()
  const box = await phone.locator('.review-scroll').boundingBox()
  const y = (box?.y ?? 0) + (box?.height ?? 0) - 40
  await touch(phone, [[{ x: 330, y }], [{ x: 200, y }], [{ x: 60, y }]])
  await eventually(async () => (await name()) === 'sum.ts', 'the next file')
  await touch(phone, [[{ x: 60, y }], [{ x: 200, y }], [{ x: 330, y }]])
  await eventually(async () => (await name()) === 'app.ts', 'the file before')
  await phone.getByRole('button', { name: 'Previous file' }).click()
  expect(await name()).toBe('other.txt')
  await phone.locator('.next-file').click()
  expect(await name()).toBe('app.ts')
  await toFile(phone, 'list.txt')
  expect(await name()).toBe('list.txt')
}, 60_000)

test('review-wrap, review-zoom: long lines wrap or scroll, two fingers and a button size the letters', async () => {
  await toFile(phone, 'src/sum.ts')
  const diff = hunk(phone, 'exact').locator('.diff')
  const size = () => diff.evaluate((element) => parseFloat(getComputedStyle(element).fontSize))
  const scrolls = () => diff.evaluate((element) => element.scrollWidth > element.clientWidth)
  expect(await scrolls()).toBe(false)
  await openMenu(phone)
  await sheet(phone).getByRole('button', { name: 'Scroll' }).click()
  await picture(phone, 'review-menu-phone')
  await phone.keyboard.press('Escape')
  await gone(phone)
  expect(await scrolls()).toBe(true)
  expect(await phone.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true)
  const before = await size()
  const box = await diff.boundingBox()
  const [x, y] = [195, (box?.y ?? 0) + (box?.height ?? 0) / 2]
  await touch(phone, [[{ x: x - 30, y }, { x: x + 30, y }], [{ x: x - 35, y }, { x: x + 35, y }], [{ x: x - 42, y }, { x: x + 42, y }]])
  await eventually(async () => (await size()) > before, 'larger letters')
  await openMenu(phone)
  await sheet(phone).getByRole('button', { name: 'Smaller' }).click()
  await sheet(phone).getByRole('button', { name: /^[\d.]+ px$/ }).click()
  await sheet(phone).getByRole('button', { name: 'Wrap' }).click()
  await phone.keyboard.press('Escape')
  await gone(phone)
  expect(await size()).toBe(before)
}, 60_000)

test('review-accept, review-progress, review-undo: a tap accepts, goes on and counts, and can be taken back', async () => {
  await toFile(phone, 'src/app.ts')
  await act(phone, 'Accept').click()
  await room(phone).getByText('Accepted lines 1–2').waitFor()
  await room(phone).getByText('1 of 7 decided').waitFor()
  expect(await phone.locator('.bars .ok').count()).toBe(1)
  expect(await phone.locator('.file-name b').innerText()).toBe('sum.ts')
  expect(await desk.markOf('src/app.ts', '42')).toBe('accepted')
  await phone.getByRole('button', { name: 'Undo', exact: true }).click()
  await room(phone).getByText(/Taken back/).waitFor()
  await room(phone).getByText('0 of 7 decided').waitFor()
  expect(await desk.markOf('src/app.ts', '42')).toBe('open')
}, 60_000)

test('review-survive: marks stay where they are while other lines of the file change', async () => {
  await toFile(phone, 'list.txt')
  await hunk(phone, 'FIVE').click()
  await act(phone, 'Accept').click()
  await room(phone).getByText(/^Accepted lines/).waitFor()
  await desk.agent("[[run sed -i 1iheading list.txt]]")
  await hunk(phone, 'heading').waitFor()
  expect(await desk.markOf('list.txt', 'FIVE')).toBe('accepted')
  expect(await desk.markOf('list.txt', 'FIFTY')).toBe('open')
  await phone.locator('article.hunk[aria-label$="Accepted"]').waitFor()
}, 90_000)

test('review-comment: a tapped line number is where the comment stands, and it can be taken back', async () => {
  await toFile(phone, 'src/app.ts')
  const comment = async (words: string) => {
    await hunk(phone, '42').locator('.l.a .no').first().click()
    await sheet(phone).locator('.quote').getByText('export const answer = 42').waitFor()
    await sheet(phone).getByLabel('What should the agent know?').fill(words)
    await sheet(phone).getByRole('button', { name: 'Add comment' }).click()
    await room(phone).locator('.note').getByText(words).waitFor()
  }
  await comment('Said too soon')
  await phone.getByRole('button', { name: 'Take back the comment on line 2' }).click()
  await room(phone).locator('.note').waitFor({ state: 'detached' })
  await comment('Why not 43?')
  expect((await desk.review()).comments).toEqual([expect.objectContaining({ path: 'src/app.ts', side: 'new', line: 2, text: 'Why not 43?', sent: false })])
  await picture(phone, 'review-note-phone')
}, 60_000)

test('review-edit: what a person writes takes the place of the hunk, and is accepted', async () => {
  await hunk(phone, '42').getByRole('button', { name: /^More about/ }).click()
  await phone.getByRole('button', { name: /Edit by hand/ }).click()
  expect(await sheet(phone).getByLabel(/The new lines/).inputValue()).toBe('export const answer = 42')
  await sheet(phone).getByLabel(/The new lines/).fill('export const answer = 43')
  await picture(phone, 'review-edit-phone')
  await sheet(phone).getByRole('button', { name: 'Keep my version' }).click()
  await gone(phone)
  expect(await desk.sh('cat src/app.ts')).toContain('answer = 43')
  expect(await desk.markOf('src/app.ts', '43')).toBe('accepted')
}, 60_000)

test('review-keys: everything is decided without a pointer', async () => {
  await desk.enter(wide, 'changes')
  await room(wide).getByText(/of \d+ decided/).waitFor()
  const name = () => wide.locator('.file-name b').innerText()
  await toFile(wide, 'notes.md')
  // In the room the letters are the room's, also those that mean something else on the page.
  await wide.locator('.review-scroll').focus()
  await wide.keyboard.press('j')
  expect(await name()).toBe('other.txt')
  await wide.keyboard.press('k')
  expect(await name()).toBe('notes.md')
  await wide.keyboard.press('c')
  await sheet(wide).getByRole('heading', { name: 'Comment' }).waitFor()
  await wide.keyboard.press('Escape')
  await gone(wide)
  await wide.keyboard.press('a')
  await eventually(async () => (await desk.markOf('notes.md', 'Notes')) === 'accepted', 'the key accepts')
  await eventually(async () => (await name()) === 'other.txt', 'the next file')
  await wide.keyboard.press('r')
  await sheet(wide).getByLabel(/^Why/).fill('keep it as it was')
  await picture(wide, 'review-reject-desk')
  await wide.keyboard.press('Control+Enter')
  await gone(wide)
  expect(await desk.sh('cat other.txt')).toBe('other\n')
  await wide.keyboard.press('u')
  await eventually(async () => (await desk.sh('cat other.txt')) === 'other\nmore\n', 'the key takes it back')
  await room(wide).getByText(/^Taken back: rejected/i).waitFor()
  await wide.keyboard.press('u')
  await eventually(async () => (await desk.markOf('notes.md', 'Notes')) === 'open', 'and what was before')
  await toFile(wide, 'list.txt')
  await wide.locator('.review-scroll').focus()
  const at = () => wide.locator('article.hunk.on').getAttribute('aria-label')
  const first = await at()
  await wide.keyboard.press('n')
  await eventually(async () => (await at()) !== first, 'the next hunk')
  await wide.keyboard.press('p')
  await eventually(async () => (await at()) === first, 'the hunk before')
  await wide.keyboard.press(']')
  expect(await name()).toBe('notes.md')
  await wide.keyboard.press('[')
  expect(await name()).toBe('list.txt')
}, 90_000)

test('review-side-by-side: with room for it, what was stands beside what is', async () => {
  await toFile(wide, 'src/sum.ts')
  expect(await wide.locator('.diff.two').count()).toBe(0)
  await picture(wide, 'review-desk')
  await wide.keyboard.press('w')
  const pair = hunk(wide, 'exact').locator('.diff.two .pair').filter({ hasText: 'reduce' })
  await pair.locator('.l.d').getByText('round').waitFor()
  await pair.locator('.l.a').getByText('exact').waitFor()
  await wide.locator('.chat').waitFor({ state: 'hidden' })
  await picture(wide, 'review-wide-desk')
  await wide.getByRole('button', { name: /^Wide/ }).click()
  await wide.locator('.diff.two').waitFor({ state: 'detached' })
  await wide.locator('.chat').waitFor()
  const tablet = await desk.world.open(TABLET)
  await desk.enter(tablet, 'changes')
  await toFile(tablet, 'src/sum.ts')
  expect(await tablet.locator('.diff.two').count()).toBe(0)
  await picture(tablet, 'review-tablet')
  await tablet.getByRole('button', { name: /^Wide/ }).click()
  await tablet.locator('.diff.two').waitFor()
  await picture(tablet, 'review-wide-tablet')
  await tablet.context().close()
}, 90_000)

test('review-queue: rejected while a turn runs, it is taken out when the turn ends', async () => {
  await desk.say('please [[hold]]')
  await eventually(async () => (await desk.review()).busy && (await desk.sh('cat list.txt')).includes('TWENTY'), 'a turn that waits')
  await desk.enter(phone, 'changes')
  await toFile(phone, 'list.txt')
  await hunk(phone, 'FIFTY').click()
  await reject(phone, 'keep it in letters')
  await toFile(phone, 'list.txt')
  await phone.locator('article.hunk').getByText('Rejected, waits for turn end').waitFor()
  expect(await desk.sh('cat list.txt')).toContain('FIFTY')
  await picture(phone, 'review-queued-phone')
  await desk.sh('touch .git/go')
  await eventually(async () => !(await desk.sh('cat list.txt')).includes('FIFTY'), 'the end of the turn takes it out')
  expect(await desk.sh('cat list.txt')).toContain('TWENTY')
  await phone.locator('article.hunk[aria-label$=", Rejected"]').waitFor()
  expect(await desk.markOf('list.txt', 'FIFTY')).toBe('rejected')
}, 90_000)

test('review-file, review-turn: a whole file, and all that is open, in one go', async () => {
  await toFile(phone, 'list.txt')
  await phone.getByRole('button', { name: 'Accept the file' }).click()
  await room(phone).getByText('Accepted list.txt').waitFor()
  expect((await desk.review()).files.find(({ path }) => path === 'list.txt')?.hunks.map(({ mark }) => mark).filter((mark) => mark === 'open')).toEqual([])
  await toFile(phone, 'notes.md')
  await phone.getByRole('button', { name: 'Reject the file' }).click()
  await sheet(phone).getByLabel(/^Why/).fill('no notes')
  await sheet(phone).getByRole('button', { name: 'Reject' }).click()
  await gone(phone)
  expect(await desk.sh('ls notes.md 2>&1 || true')).toContain('No such file')
  await openMenu(phone)
  await sheet(phone).getByRole('button', { name: /Accept everything that is open/ }).click()
  await phone.getByText('Everything is decided').waitFor()
  await picture(phone, 'review-end-phone')
  const { progress } = await desk.review()
  expect([progress.decided, progress.decided > 0]).toEqual([progress.total, true])
}, 90_000)

test('review-send: the agent gets one message with every rejection and comment', async () => {
  await phone.getByLabel(/Anything else for the agent/).fill('Thank you.')
  await phone.getByRole('button', { name: 'Send 1 comment + 2 rejections to the agent' }).click()
  const { body } = await desk.world.model.waitFor(({ body }) => JSON.stringify(body).includes('Why not 43?'))
  const told = JSON.stringify(body)
  for (const words of ['keep it in letters', 'no notes', 'Thank you.', 'src/app.ts', 'list.txt', '+FIFTY']) expect(told).toContain(words)
  await eventually(async () => (await desk.review()).unsent === 0 && !(await desk.review()).busy, 'everything told')
  const prompts = (await desk.world.events(desk.demo.id)).filter(({ body }) => body.type === 'prompt' && JSON.stringify(body).includes('Why not 43?'))
  expect(new Set(prompts.map(({ body }) => body['promptId'])).size).toBe(1)
}, 90_000)

test('review-commit, review-push: what was accepted is committed under a suggested message, and pushed', async () => {
  await phone.getByRole('button', { name: 'Commit …' }).click()
  const message = sheet(phone).getByLabel('Message')
  await eventually(async () => (await message.inputValue()) !== '', 'a suggested message')
  expect(await message.inputValue()).toContain('- src/app.ts')
  await picture(phone, 'commit-phone')
  await message.fill('Change everything')
  await sheet(phone).getByText('Only what was accepted').click()
  await sheet(phone).getByText('Push afterwards').click()
  await sheet(phone).getByRole('button', { name: 'Commit and push' }).click()
  await sheet(phone).getByText(/^Committed [0-9a-f]{7} on .*, pushed/).waitFor()
  await sheet(phone).getByRole('button', { name: 'Done' }).click()
  expect(await desk.sh('git log -1 --format=%s; git show HEAD:src/app.ts')).toContain('Change everything\n')
  // What was pushed is there for whoever takes it.
  await desk.world.product.cli(['pull', desk.demo.id], { cwd: desk.world.dir })
  expect(await git(desk.world.dir, 'log', '--all', '--format=%s')).toContain('Change everything')
}, 90_000)

test('checkpoints, rewind: states of the files are listed, gone back to, and back', async () => {
  await desk.enter(phone, 'changes')
  await openMenu(phone)
  await phone.getByRole('button', { name: /Checkpoints/ }).click()
  await sheet(phone).getByText(/^end of turn 1/).first().waitFor()
  await sheet(phone).getByText('before a rejection').first().waitFor()
  await picture(phone, 'checkpoints-phone')
  await sheet(phone).locator('li button').last().click()
  await sheet(phone).getByRole('button', { name: 'Go back' }).click()
  await room(phone).getByText(/went back to/).waitFor()
  expect(await desk.sh('cat src/app.ts')).toContain('answer = 41')
  await phone.getByRole('button', { name: 'Undo', exact: true }).click()
  await eventually(async () => (await desk.sh('cat src/app.ts')).includes('answer = 43'), 'the tree as it was')
}, 90_000)

test('rewind-conversation, rewind-shown: the agent goes back with the files, and forgets what came after, which is shown as taken back', async () => {
  await openMenu(phone)
  await phone.getByRole('button', { name: /Checkpoints/ }).click()
  await sheet(phone).getByRole('button', { name: /^end of turn 1/ }).click()
  await sheet(phone).getByText('The conversation too').click()
  await sheet(phone).getByRole('button', { name: 'Go back' }).click()
  await room(phone).getByText(/The conversation went back too/).waitFor()
  expect(await desk.sh('cat src/app.ts')).toContain('answer = 42')
  await eventually(async () => (await desk.world.workspace(desk.demo.id)).agentState === 'idle', 'the agent, started anew')
  // On a page that was there, and on one that comes anew.
  for (const page of [phone, await desk.world.open(PHONE)]) {
    await page.goto(desk.world.at(desk.demo))
    const log = page.getByRole('log')
    await log.getByText(/went back to a checkpoint/).last().waitFor()
    await log.locator('.gone').getByText('Why not 43?').first().waitFor()
    await log.locator('.gone').getByText(/^Taken back/).last().waitFor()
    expect(await log.locator('.gone').getByText('please do [[change]]').count()).toBe(0)
    if (page !== phone) await page.context().close()
  }
  await desk.agent('are you there? [[say here I am]]')
  const { body } = await desk.world.model.waitFor(({ body }) => JSON.stringify(body).includes('are you there?'))
  const heard = JSON.stringify(body)
  expect(heard).toContain('please do [[change]]')
  expect(heard).not.toContain('Why not 43?')
  // Nothing of what it knew already is told a second time.
  const said = (await desk.world.events(desk.demo.id)).filter(({ body }) => body.type === 'message' && JSON.stringify(body).includes('Everything is changed.'))
  expect(said).toHaveLength(1)
}, 120_000)

test('nothing that was shown made the browser complain', () => {
  expect(desk.world.complaints).toEqual([])
})
