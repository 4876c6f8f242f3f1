/** A review in which the ground moves: two people, an agent that goes on, files that vanish, a server that is killed. */
import { afterAll, beforeAll, expect } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { SERVER_FILE } from '@berth/wire/server-file'
import { eventually } from '../product.ts'
import { act, hunk, numbered, picture, reject, room, startDesk, toFile, type Desk } from './review-hands.ts'
import { CHROMIUM, DESK, PHONE, test } from './world.ts'

let desk: Desk
let phone: Page
let wide: Page

const TENS = [10, 20, 30, 40, 50, 60, 70, 80, 90]
const CHANGE = [`sed -i ${TENS.map((at) => `-e 's/^line ${at}$/TEN ${at}/'`).join(' ')} list.txt`, 'echo new > notes.md', 'echo more >> other.txt'].join('\n')

beforeAll(async () => {
  if (CHROMIUM === null) return
  desk = await startDesk({ 'list.txt': numbered(100), 'other.txt': 'other\n' }, { change: () => [[{ tool: 'bash', input: { command: CHANGE } }], [{ text: 'Everything is changed.' }]] }, 'please do [[change]]')
  phone = await desk.world.open(PHONE)
  wide = await desk.world.open(DESK)
  for (const page of [phone, wide]) {
    await desk.enter(page, 'changes')
    await room(page).getByText('0 of 11 decided').waitFor()
  }
}, 300_000)
afterAll(() => desk?.close(), 120_000)

const list = () => desk.sh('cat list.txt')
const choose = async (page: Page, text: string) => {
  await toFile(page, 'list.txt')
  await hunk(page, text).locator('header').click()
  await page.locator('article.hunk.on').filter({ hasText: text }).waitFor()
}

test('review-together: what one decides the other sees, and of two at once each gets a true answer', async () => {
  await choose(phone, 'TEN 10')
  await choose(wide, 'TEN 10')
  await act(phone, 'Accept').click()
  await wide.getByText('1 of 11 decided').waitFor()
  await wide.locator('article.hunk[aria-label$="Accepted"]').waitFor()
  await choose(phone, 'TEN 20')
  await choose(wide, 'TEN 20')
  await act(wide, 'Reject').click()
  await Promise.all([act(phone, 'Accept').click(), wide.getByRole('dialog').getByRole('button', { name: 'Reject' }).click()])
  await wide.getByRole('dialog').waitFor({ state: 'detached' })
  await eventually(async () => {
    const mark = await desk.markOf('list.txt', 'TEN 20')
    const stands = (await list()).includes('TEN 20')
    return (mark === 'accepted' && stands) || (mark === 'rejected' && !stands)
  }, 'one of them, and the tree as it says')
  for (const page of [phone, wide]) await room(page).getByText('2 of 11 decided').waitFor()
}, 90_000)

test('review-moving: a hunk that the agent has changed since is not decided about unseen', async () => {
  await choose(phone, 'TEN 30')
  await desk.sh("sed -i 's/^TEN 30$/THIRTY again/' list.txt")
  await act(phone, 'Accept').click()
  await room(phone).getByText('This change is no longer in the tree; nothing was done with it.').waitFor()
  await toFile(phone, 'list.txt')
  await hunk(phone, 'THIRTY again').waitFor()
  expect(await desk.markOf('list.txt', 'THIRTY again')).toBe('open')
  // A whole file is decided only as it was seen.
  await toFile(phone, 'other.txt')
  await desk.sh('echo unseen >> other.txt')
  await phone.getByRole('button', { name: 'Reject the file' }).click()
  await phone.getByRole('dialog').getByRole('button', { name: 'Reject' }).click()
  await room(phone).getByText('This change is no longer in the tree; nothing was done with it.').waitFor()
  expect(await desk.sh('cat other.txt')).toBe('other\nmore\nunseen\n')
}, 60_000)

test('review-vanished: a file that is removed under the review takes nothing with it', async () => {
  await toFile(phone, 'notes.md')
  await desk.sh('rm notes.md')
  await act(phone, 'Accept').click()
  await room(phone).getByText('This change is no longer in the tree; nothing was done with it.').waitFor()
  expect((await desk.review()).files.map(({ path }) => path)).toEqual(['list.txt', 'other.txt'])
  await picture(phone, 'review-vanished-phone')
}, 60_000)

test('review-crash: a server that is killed while it takes changes out loses none and does none twice', async () => {
  const pid = () => (JSON.parse(readFileSync(join(desk.world.product.home, SERVER_FILE), 'utf8')) as { pid: number }).pid
  const rest = TENS.filter((at) => at >= 60)
  for (const [index, at] of rest.entries()) {
    await desk.enter(phone, 'changes')
    await choose(phone, `TEN ${at}`)
    await act(phone, 'Reject').click()
    await phone.getByRole('dialog').getByRole('button', { name: 'Reject' }).click()
    // Each time a little later within the work; how late is the point, not how long it may take.
    await Bun.sleep(index * 90)
    process.kill(pid(), 'SIGKILL')
    await desk.world.product.cli(['list'])
    await eventually(async () => {
      const mark = await desk.markOf('list.txt', `TEN ${at}`)
      const stands = (await list()).includes(`TEN ${at}\n`)
      return (mark === 'open' && stands) || (mark === 'rejected' && !stands)
    }, `line ${at} is out and said to be, or neither`)
  }
  const left = new Set((await list()).split('\n'))
  for (const at of rest) expect(left.has(`TEN ${at}`) !== left.has(`line ${at}`)).toBe(true)
  // The page finds the server again, and the review goes on.
  await desk.enter(phone, 'changes')
  await toFile(phone, 'other.txt')
  await reject(phone)
  expect(await desk.sh('cat other.txt')).toBe('other\n')
}, 240_000)
