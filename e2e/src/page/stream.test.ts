/** What a person sees of an agent's work: as it is written, one line a call, closed by what it came to. Real Claude Code on `local`. */
import { afterAll, beforeAll, expect } from 'bun:test'
import type { Page } from 'playwright-core'
import type { ScenarioContext } from '@berth/testkit/scripted-model'
import type { Workspace } from '@berth/wire'
import { eventually } from '../product.ts'
import { CHROMIUM, DESK, PHONE, startWorld, test, type World } from './world.ts'

const FLOW_MS = 120_000
const LINES = Array.from({ length: 8 }, (_, at) => `line ${at} of what it writes`)
const HTML = 'Look: <script>window.pwned = 1</script><img src=x onerror="window.pwned = 2"> <b>bold</b>'
const ANSI = '\u001b[31mred\u001b[0m \u001b]0;title\u0007 \u001b[2J\u001b[H end'
const BIDI = 'abc \u202etxet\u202c \u2066x\u2069'
const LONG_BYTES = 10_000_000

let world: World
let demo: Workspace
let many: Workspace
let phone: Page
let desk: Page

const log = (page: Page) => page.getByRole('log')
const line = (page: Page, text: string) => log(page).locator('.tool').filter({ hasText: text }).last()
const turn = (page: Page, text: string) => log(page).locator('.turn').filter({ hasText: text })
const strip = (page: Page) => page.locator('.strip')
const asks = (page: Page) => page.locator('.dock').getByRole('region', { name: /^Needs you/ })
async function say(text: string): Promise<void> {
  await desk.getByRole('textbox', { name: 'Message to the agent' }).fill(text)
  await desk.getByRole('button', { name: 'Send' }).click()
}
const bash = (command: string) => ({ tool: 'bash', input: { command } })
const at = ({ cwd }: ScenarioContext, name: string) => (cwd === null ? name : `${cwd}/${name}`)
const task = (subject: string) => ({ tool: 'TaskCreate', input: { subject, description: subject, activeForm: subject } })

beforeAll(async () => {
  if (CHROMIUM === null) return
  world = await startWorld({ scenarios: {
    lines: () => [[{ text: LINES.join('\n'), chunkMs: 60, pieces: 32 }]],
    calls: (context) => [
      [{ text: 'I look first.' }, { tool: 'Read', input: { file_path: at(context, 'README.md') } }, { tool: 'Read', input: { file_path: at(context, 'src/app.ts') } }],
      [{ tool: 'write', input: { path: at(context, 'sum.ts'), content: 'export const one = 1\nexport const two = 2\n' } }],
      [{ tool: 'edit', input: { path: at(context, 'sum.ts'), old: 'two = 2', new: 'two = 3' } }],
      [bash('printf " Tests  2 failed | 47 passed (49)\\n"; exit 1')],
      [bash('printf "quiet output\\n Tests  49 passed (49)\\n"')],
      [{ text: 'Totals round once now' }],
    ],
    reads: () => [[{ tokensRead: 60_000 }, { text: 'That was much to read.' }]],
    plans: () => [
      [{ tool: 'ToolSearch', input: { query: 'select:TaskCreate,TaskUpdate' } }],
      [task('find the drift'), task('round once'), task('run the tests')],
      [{ tool: 'TaskUpdate', input: { taskId: '1', status: 'completed' } }, { tool: 'TaskUpdate', input: { taskId: '2', status: 'in_progress' } }],
      [{ text: 'The list stands.' }],
    ],
    // One answer of many parts: a session of that length within seconds.
    numbers: () => [Array.from({ length: 120 }, (_, index) => ({ text: `number ${index + 1}` }))],
    html: () => [[{ text: HTML }, bash(`printf '%s' '<img src=x onerror="window.pwned=3">'`)], [{ text: 'The html part is over.' }]],
    ansi: () => [[{ text: ANSI }, bash(`printf '\\033[31mred\\033[0m \\033]0;pwned\\007done\\n'`)], [{ text: 'The ansi part is over.' }]],
    bidi: () => [[{ text: BIDI }, bash('touch "gpj\u202e.sh" # \u200bzero')], [{ text: 'The bidi part is over.' }]],
    longline: () => [[bash(`head -c ${LONG_BYTES} /dev/zero | tr '\\0' a > long.txt; head -c 20000 long.txt`)], [{ text: 'The long part is over.' }]],
    image: () => [[bash("printf '\\211PNG\\r\\n\\032\\n\\0\\0\\0\\rIHDR\\0\\0\\377\\377\\0\\0\\377\\377\\010\\006\\0\\0\\0' > bomb.png; cat bomb.png")], [{ text: 'The image part is over.' }]],
    names: () => [[bash("touch $'new\\nline.txt' && ls")], [{ text: 'The names part is over.' }]],
  } })
  ;[demo, many] = [await world.up('demo', 'please do [[lines]]', '--approvals', 'skip'), await world.up('many', 'please do [[numbers]]', '--approvals', 'skip')]
  ;[phone, desk] = [await world.open(PHONE), await world.open(DESK)]
  await world.turnOver(demo.id)
  for (const page of [phone, desk]) await page.goto(world.at(demo))
}, 300_000)
afterAll(async () => { await world?.close() }, 120_000)

test('stream-live: what is written is seen line by line, on both screens, and ends as the message', async () => {
  await say('again [[lines]]')
  for (const page of [phone, desk]) await page.locator('.writing').getByText('line 2 of what it writes').waitFor()
  // The last line is not there yet: it is seen while it is written.
  expect(await phone.locator('.writing').getByText('line 7 of what it writes').count()).toBe(0)
  for (const page of [phone, desk]) {
    await page.locator('.writing').waitFor({ state: 'detached' })
    await log(page).getByText('line 7 of what it writes').nth(1).waitFor()
    expect(await log(page).getByText('line 0 of what it writes').count()).toBe(2)
  }
  await world.turnOver(demo.id)
}, FLOW_MS)

test('stream-calls, stream-tests, stream-diff: one line a call; reads are one, what failed is open, what changed is counted', async () => {
  await say('now [[calls]]')
  await turn(phone, 'Totals round once now').waitFor({ timeout: FLOW_MS })
  await line(phone, '2 files').getByText('Read', { exact: true }).waitFor()
  expect(await line(phone, 'Write').locator('.delta').innerText()).toMatch(/^\+2\s*−0$/)
  expect(await line(phone, 'Edit').locator('.delta').innerText()).toMatch(/^\+1\s*−1$/)
  await line(phone, '2 of 49 failed').locator('.out').getByText('Exit code 1').waitFor()
  const passed = line(phone, '49 passed')
  expect(await passed.locator('.out').count() === 0 || !(await passed.locator('.out').isVisible())).toBe(true)
  expect(await passed.locator('.result').innerText()).toMatch(/49 passed\s*\d/)
  await passed.locator('summary').tap()
  await passed.locator('.out').getByText('quiet output').waitFor()
  await line(phone, 'Edit').locator('summary').tap()
  await line(phone, 'Edit').locator('.patch .a').getByText('two = 3').waitFor()
}, FLOW_MS)

test('stream-turn, stream-cost: a turn ends with its files, tests, time and cost, and the session says what it used', async () => {
  const card = turn(phone, 'Totals round once now')
  for (const words of [/1 file/, /\+3/, /−1/, /49 passed/, /\d s|\d min/, /\$0\.0\d/]) expect(await card.innerText()).toMatch(words)
  expect(await strip(phone).innerText()).toMatch(/\$0\.0\d/)
  await card.getByRole('link', { name: 'Review', exact: true }).tap()
  await phone.waitForURL(world.at(demo, 'changes'))
  await phone.goto(world.at(demo, 'status'))
  const cost = phone.getByRole('region', { name: 'Cost' })
  await cost.getByText('tokens read').waitFor()
  await cost.getByText('claude-').waitFor()
  expect(await cost.locator('tbody tr').count()).toBeGreaterThanOrEqual(2)
}, FLOW_MS)

test('stream-context: how full the agent’s window is stands in the strip and in the status', async () => {
  expect(await strip(phone).innerText()).not.toContain('% context')
  await phone.goto(world.at(demo))
  await say('now [[reads]]')
  await turn(phone, 'That was much to read.').waitFor({ timeout: FLOW_MS })
  await strip(phone).getByText('% context').waitFor()
  const [, percent] = /(\d+) % context/.exec(await strip(phone).innerText()) ?? []
  expect(Number(percent)).toBeGreaterThanOrEqual(6)
  await phone.goto(world.at(demo, 'status'))
  await phone.getByRole('region', { name: 'Cost' }).getByText(`${percent} %of the context`).waitFor()
}, FLOW_MS)

test('stream-why, stream-timeline, stream-viewers: the status says why it is on, how it started, and who looks', async () => {
  const status = phone.locator('.status')
  await status.getByText(/^(Stays on:|Sleeps in)/).waitFor()
  const start = phone.getByRole('region', { name: 'Start' })
  await start.getByText('Ready').first().click()
  for (const step of ['Make the machine', 'Connect to the machine', 'Get the code', 'Start the agent']) await start.getByText(step).waitFor()
  await start.getByText('Boot log').tap()
  await start.locator('.log .out').filter({ hasNotText: 'Reading…' }).waitFor()
  await phone.getByRole('region', { name: '2 viewers now' }).getByText('on web').first().waitFor()
  expect(await strip(desk).locator('.viewers').innerText()).toMatch(/^2/)
  await phone.goto(world.at(demo))
}, FLOW_MS)

test('stream-plan: the agent’s list stands above the message, with what is under way and how far it is', async () => {
  await say('now [[plans]]')
  const plan = phone.locator('.plan-strip')
  await plan.getByText('1 of 3').waitFor({ timeout: FLOW_MS })
  await plan.getByText('round once').first().waitFor()
  await plan.locator('summary').tap()
  expect(await plan.locator('li').allTextContents()).toEqual(['find the drift, completed', 'round once, in progress', 'run the tests, pending'])
  await turn(phone, 'The list stands.').waitFor({ timeout: FLOW_MS })
  await line(phone, 'Plan').getByText(/\d changes/).waitFor()
}, FLOW_MS)

test('stream-first-paint, stream-window: the newest 80 are there without a script; what is older comes when one goes up', async () => {
  await world.turnOver(many.id)
  const plain = await world.browser.newContext({ storageState: await phone.context().storageState(), javaScriptEnabled: false })
  const page = await plain.newPage()
  await page.goto(world.at(many))
  await log(page).getByText('number 120').first().waitFor()
  expect(await log(page).locator('.stretch > *').count()).toBeLessThanOrEqual(82)
  await plain.close()
  await phone.goto(world.at(many))
  await log(phone).getByText('number 120').first().waitFor()
  expect(await log(phone).getByText('number 1', { exact: true }).count()).toBe(0)
  expect(await log(phone).locator('.stretch > *').count()).toBeLessThanOrEqual(84)
  await eventually(async () => {
    await log(phone).evaluate((element) => element.scrollTo(0, 0))
    return (await log(phone).getByText('number 1', { exact: true }).count()) > 0
  }, 'the beginning')
  await phone.getByRole('button', { name: 'Latest' }).tap()
  await log(phone).getByText('number 120').first().waitFor()
  await phone.goto(world.at(demo))
}, FLOW_MS)

/** Says it with the question asked, so that the card shows it too. */
async function hostile(name: string, over: string): Promise<void> {
  await say(`now [[${name}]]`)
  await turn(phone, over).waitFor({ timeout: FLOW_MS })
  for (const page of [phone, desk]) {
    expect(await log(page).locator('img, script, iframe').count()).toBe(0)
    expect(await page.evaluate(() => 'pwned' in globalThis)).toBe(false)
  }
}

test('hostile-html, hostile-ansi, hostile-bidi: what an agent writes and prints stays text, every character of it seen', async () => {
  await hostile('html', 'The html part is over.')
  await log(phone).getByText(HTML).waitFor()
  await hostile('ansi', 'The ansi part is over.')
  await log(phone).getByText('red  end').waitFor()
  expect(await phone.title()).not.toContain('pwned')
  await hostile('bidi', 'The bidi part is over.')
  await log(phone).getByText('abc ⟨U+202E⟩txet⟨U+202C⟩ ⟨U+2066⟩x⟨U+2069⟩').waitFor()
  // oxlint-disable-next-line no-control-regex -- what must not be there
  expect(await log(phone).innerText()).not.toMatch(/[\u202a-\u202e\u2066-\u2069\u001b]/)
}, FLOW_MS)

test('hostile-long-line, hostile-image, hostile-names: what is too long, too large or has a line end in its name changes nothing', async () => {
  await hostile('longline', 'The long part is over.')
  const long = line(phone, 'head -c')
  await long.locator('summary').tap()
  await long.locator('.out').last().waitFor()
  expect((await long.locator('.out').last().innerText()).length).toBeLessThan(12_000)
  expect(await phone.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true)
  await hostile('image', 'The image part is over.')
  await hostile('names', 'The names part is over.')
  // A name with a line end is offered as one, and put into the message as one word.
  await phone.getByRole('textbox', { name: 'Message to the agent' }).fill('look at @new')
  await phone.getByRole('option', { name: /line\.txt/ }).waitFor()
  await phone.getByRole('textbox', { name: 'Message to the agent' }).fill('')
}, FLOW_MS)

test('hostile-ask: a question is shown as it would run, character by character', async () => {
  const asking = await world.up('asked', 'please do [[bidi]]')
  await phone.goto(world.at(asking))
  await asks(phone).locator('.cmd').waitFor()
  expect(await asks(phone).locator('.cmd').innerText()).toBe('touch "gpj⟨U+202E⟩.sh" # ⟨U+200B⟩zero')
  await asks(phone).getByRole('button', { name: 'Deny', exact: true }).tap()
  expect(world.complaints).toEqual([])
}, FLOW_MS)
