/** The tree of a workspace, looked at from the page: found, walked, read; whatever a file is or is called, it harms nobody. */
import { afterAll, beforeAll, expect } from 'bun:test'
import { deflateSync } from 'node:zlib'
import type { Page } from 'playwright-core'
import { picture, startDesk, type Desk } from './review-hands.ts'
import { CHROMIUM, DESK, PHONE, test } from './world.ts'

let desk: Desk
let phone: Page
let wide: Page

/** One row of one byte per pixel, whatever the header says. */
function png(width: number, height: number, rows: number): Buffer {
  const chunk = (name: string, data: Buffer): Buffer => {
    const body = Buffer.concat([Buffer.from(name, 'latin1'), data])
    const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)]
    length.writeUInt32BE(data.length)
    sum.writeUInt32BE(Bun.hash.crc32(body) >>> 0)
    return Buffer.concat([length, body, sum])
  }
  const head = Buffer.alloc(13)
  head.writeUInt32BE(width, 0)
  head.writeUInt32BE(height, 4)
  head.set([8, 0, 0, 0, 0], 8)
  return Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), chunk('IHDR', head), chunk('IDAT', deflateSync(Buffer.alloc((width + 1) * rows))), chunk('IEND', Buffer.alloc(0))])
}

const MORE = [
  `echo x > "$(printf 'two\\nlines.txt')"`, `echo y > "$(printf 'odd \\342\\200\\256gpj.sh')"`, `echo z > '<img src=x onerror=window.pwned=1>.txt'`,
  "printf '\\033[31mred\\033[0m <b>bold</b> \\342\\200\\256txet\\n' > escapes.txt", 'head -c 3000000 /dev/zero | tr "\\0" "a" | fold -w 60 > large.txt', "printf 'a\\000b' > program.bin",
].join('\n')
beforeAll(async () => {
  if (CHROMIUM === null) return
  desk = await startDesk({ 'src/app.ts': '// The answer.\nexport const answer = 41\n', 'src/deep/down/other.ts': 'export {}\n', 'README.md': '# demo\n', 'small.png': png(4, 4, 4), 'bomb.png': png(60_000, 60_000, 40) }, { more: () => [[{ tool: 'bash', input: { command: MORE } }], [{ text: 'More files.' }]] }, 'please do [[more]]')
  phone = await desk.world.open(PHONE)
  wide = await desk.world.open(DESK)
  await desk.enter(phone, 'files')
  await desk.enter(wide, 'files')
}, 300_000)
afterAll(() => desk?.close(), 120_000)

const entry = (page: Page, name: string | RegExp) => page.locator('.entries').getByRole('button', { name })
const back = (page: Page) => page.getByRole('button', { name: 'All files' }).click()

test('files-tree: directories are walked, and what changed is said', async () => {
  await entry(phone, /large\.txt untracked/).waitFor()
  await picture(phone, 'files-phone')
  await entry(phone, 'src/').click()
  await entry(phone, 'deep/').click()
  await entry(phone, 'down/').click()
  await entry(phone, /^other\.ts/).waitFor()
  await phone.getByRole('navigation', { name: 'Directory' }).getByRole('button', { name: 'src', exact: true }).click()
  await entry(phone, /^app\.ts/).waitFor()
  await phone.getByRole('navigation', { name: 'Directory' }).getByRole('button', { name: 'Files', exact: true }).click()
}, 60_000)

test('files-find, files-view, files-mention: a file is found by letters, read, and its lines go into the message (US2.4)', async () => {
  await wide.getByRole('searchbox', { name: /Find a file/ }).fill('apts')
  await entry(wide, /app\.ts/).waitFor()
  await wide.keyboard.press('Enter')
  await wide.locator('.file-text').getByText('export').waitFor()
  expect(await wide.locator('.file-text .v-c').innerText()).toBe('// The answer.')
  await wide.locator('.fl .no').nth(1).click()
  await picture(wide, 'files-desk')
  await wide.getByRole('button', { name: 'Mention in chat' }).click()
  expect(await wide.getByRole('textbox', { name: /Message/ }).first().inputValue()).toBe('@src/app.ts:2 ')
  await wide.getByRole('button', { name: 'All files' }).focus()
  await wide.keyboard.press('Escape')
  await entry(wide, 'src/').waitFor()
}, 60_000)

test('files-hostile: names and contents are text, and every character of them is seen', async () => {
  await entry(phone, /odd ⟨U\+202E⟩gpj\.sh/).waitFor()
  await entry(phone, /<img src=x onerror=window\.pwned=1>\.txt/).click()
  await phone.locator('.file-text').getByText('z', { exact: true }).waitFor()
  await back(phone)
  await entry(phone, /two\s?lines\.txt/).click()
  await phone.locator('.file-text').getByText('x', { exact: true }).waitFor()
  await back(phone)
  await entry(phone, /escapes\.txt/).click()
  await phone.locator('.file-text').getByText('⟨U+001B⟩').first().waitFor()
  await phone.locator('.file-text').getByText('⟨U+202E⟩').waitFor()
  expect(await phone.locator('.file-text b').count()).toBe(0)
  await picture(phone, 'files-hostile-phone')
  await back(phone)
  expect(await phone.evaluate(() => 'pwned' in globalThis)).toBe(false)
}, 60_000)

test('files-huge: a large file is read from its beginning, a part at a time', async () => {
  await entry(phone, /large\.txt/).click()
  await phone.getByText(/only its beginning/).waitFor()
  await phone.getByRole('button', { name: /^Show [\d,]+ more lines/ }).waitFor()
  expect(await phone.locator('.fl').count()).toBe(2000)
  // Lines get their true height as they come into sight, and the button moves from under a finger that did not look.
  await phone.getByRole('button', { name: 'Show 10,000 more lines' }).press('Enter')
  await phone.locator('.fl').nth(11_999).waitFor({ state: 'attached' })
  expect(await phone.locator('.fl').count()).toBe(12_000)
  await back(phone)
}, 60_000)

test('files-binary, files-bomb: an image is drawn when asked, one of billions of pixels never', async () => {
  await entry(phone, /program\.bin/).click()
  await phone.getByText('There is nothing to read here.').waitFor()
  await back(phone)
  await entry(phone, /small\.png/).click()
  await phone.getByRole('button', { name: /^Show the image/ }).click()
  await phone.locator('.image img').waitFor()
  expect(await phone.locator('.image img').evaluate((image: HTMLImageElement) => image.decode().then(() => image.naturalWidth))).toBe(4)
  await back(phone)
  await entry(phone, /bomb\.png/).click()
  await phone.getByText('It says it has 3,600 million pixels, too many to show here.').waitFor()
  expect(await phone.locator('.image img').count()).toBe(0)
  await picture(phone, 'files-bomb-phone')
}, 60_000)

test('nothing that was shown made the browser complain', () => {
  expect(desk.world.complaints).toEqual([])
})
