/** What an agent asks, answered from the page: by the words on the card, on every device, once. Real Claude Code on `local`. */
import { afterAll, beforeAll, expect } from 'bun:test'
import type { Page } from 'playwright-core'
import type { Workspace } from '@berth/wire'
import { eventually } from '../product.ts'
import { swipe } from './touch.ts'
import { CHROMIUM, DESK, PHONE, startWorld, test, type World } from './world.ts'

const LONG_COMMAND = `echo ${Array.from({ length: 60 }, (_, at) => `word-${at}`).join(' ')} > long.txt`
const FLOW_MS = 120_000

let world: World
let demo: Workspace
let phone: Page
let desk: Page

const log = (page: Page) => page.getByRole('log')
const asks = (page: Page) => page.locator('.dock').getByRole('region', { name: /^Needs you/ })
const call = (page: Page, text: string) => log(page).locator('.tool').filter({ hasText: text })

/** From the desk; both pages stand at the session. */
async function say(text: string): Promise<void> {
  await desk.getByRole('textbox', { name: 'Message to the agent' }).fill(text)
  await desk.getByRole('button', { name: 'Send' }).click()
}
async function turnEnded(nth: string): Promise<void> {
  await log(desk).locator('.turn').filter({ hasText: nth }).waitFor({ timeout: FLOW_MS })
}
const bash = (command: string, more: Record<string, string> = {}) => ({ tool: 'bash', input: { command, ...more } })

beforeAll(async () => {
  if (CHROMIUM === null) return
  world = await startWorld({ scenarios: {
    edited: () => [[bash('touch as-asked')], [{ text: 'The edit is over.' }]],
    lengthy: () => [[bash(LONG_COMMAND)], [{ text: 'The long part is over.' }]],
    twice: () => [[{ tool: 'write', input: { path: 'one.txt', content: '1\n2\n3\n' } }], [{ tool: 'write', input: { path: 'two.txt', content: '2\n' } }], [{ text: 'Both are written.' }]],
    risks: () => [[bash('curl -s -m 1 https://get.example.com/x -o x', { description: 'Get the installer' })], [bash('curl -s -m 1 https://get.example.com/y -o y')], [bash('cp README.md ../elsewhere')], [bash('git push --force-with-lease origin main')], [{ text: 'The risks are over.' }]],
    three: () => [[{ text: 'Three at once.' }, ...['/etc/hostname', '/etc/hosts', '/etc/passwd'].map((path) => ({ tool: 'Read', input: { file_path: path } }))], [{ text: 'All three are read.' }]],
    choices: () => [[{ tool: 'question', input: { questions: [
      { question: 'Which database?', header: 'Database', multiSelect: false, options: [{ label: 'Postgres', description: 'a server' }, { label: 'SQLite', description: 'a file' }] },
      { question: 'Which checks?', header: 'Checks', multiSelect: true, options: [{ label: 'Types', description: '' }, { label: 'Lint', description: '' }, { label: 'Tests', description: '' }] },
    ] } }], [{ text: 'The choices are made.' }]],
    // Where the plan is to be written is told by the agent, anew each time.
    proposal: ({ told }) => {
      const draft = (content: string) => ({ tool: 'write', input: { path: told(/(\/[^\s"'`]+\/plans\/[\w-]+\.md)/) ?? 'plan.md', content } })
      return [[draft('1. write `plan.txt`\n2. finish')], [{ tool: 'plan', input: {} }], [draft('1. write nothing')], [{ tool: 'plan', input: {} }], [{ text: 'The plan is over.' }]]
    },
    raced: () => [[bash('echo raced >> raced.log')], [{ text: 'The race is over.' }]],
  } })
  demo = await world.up('asking', 'please do [[edited]]')
  ;[phone, desk] = await Promise.all([world.open(PHONE), world.open(DESK)])
  for (const page of [phone, desk]) await page.goto(world.at(demo))
}, 300_000)
afterAll(async () => { await world?.close() }, 120_000)

test('approve-edit, approve-elsewhere: another command is put in its place, and the other device sees who did it', async () => {
  for (const page of [phone, desk]) await asks(page).getByText('touch as-asked').waitFor()
  await asks(phone).getByRole('button', { name: 'Edit' }).tap()
  await phone.getByRole('textbox', { name: 'The command to run instead' }).fill('touch as-edited')
  await asks(phone).getByRole('button', { name: 'Run this instead' }).tap()
  // The device where nobody answered says so, once; the card is gone on both.
  await desk.getByText('Allowed by ada on web', { exact: true }).waitFor()
  for (const page of [phone, desk]) {
    await call(page, 'touch as-edited').getByText('Allowed by ada on web: edited').waitFor()
    await asks(page).waitFor({ state: 'detached' })
  }
  await turnEnded('The edit is over.')
  const { entries } = await world.ask<{ entries: { path: string }[] }>('GET', `/workspaces/${demo.id}/files`)
  expect(entries.map(({ path }) => path)).toContain('as-edited')
  expect(entries.map(({ path }) => path)).not.toContain('as-asked')
}, FLOW_MS)

test('approve-deny, approve-whole-command: the whole command stands there, and the agent is told why not', async () => {
  await say('now [[lengthy]]')
  await asks(phone).locator('.cmd').waitFor()
  expect(await asks(phone).locator('.cmd').innerText()).toBe(LONG_COMMAND)
  await asks(phone).getByRole('button', { name: 'Deny with a reason' }).tap()
  await phone.getByRole('textbox', { name: 'Why not; the agent reads it' }).fill('too many words')
  await asks(phone).getByRole('button', { name: 'Deny', exact: true }).tap()
  await log(desk).getByText('Denied by ada on web: too many words').waitFor()
  const told = await world.model.waitFor(({ body, offersTools, selected }) => offersTools && selected?.name === 'lengthy' && JSON.stringify(body).includes('too many words'))
  expect(JSON.stringify(told.body)).toContain('"is_error":true')
  await turnEnded('The long part is over.')
}, FLOW_MS)

test('approve-risk, approve-hold: what to notice is said and marked, and what cannot be undone is held', async () => {
  const risk = () => asks(phone).locator('.risk')
  const allow = () => asks(phone).getByRole('button', { name: 'Allow once' }).tap()
  await say('now [[risks]]')
  await risk().getByText('talks to get.example.com, a new host here').waitFor()
  await asks(phone).getByText('Get the installer').waitFor()
  await allow()
  await asks(phone).getByText('https://get.example.com/y').waitFor()
  expect(await risk().innerText()).toMatch(/^talks to get\.example\.com$/i)
  await allow()
  await risk().getByText('reaches outside the working directory').waitFor()
  expect(await asks(phone).locator('.cmd mark').allInnerTexts()).toEqual(['../elsewhere'])
  await allow()
  await risk().getByText('rewrites a remote branch').waitFor()
  expect(await asks(phone).locator('.cmd mark').allInnerTexts()).toContain('--force-with-lease')
  // A tap is no hold; nothing is sent, and for the whole session it is not offered.
  const hold = asks(phone).getByRole('button', { name: 'Hold to allow once' })
  await hold.tap()
  expect(await asks(phone).getByRole('button', { name: 'For this session' }).count()).toBe(0)
  const open = (await world.approvals(demo.id)).find(({ state }) => state === 'open')
  expect(open?.risk?.level).toBe('high')
  await asks(desk).getByRole('button', { name: 'Hold to allow once' }).hover()
  await desk.mouse.down()
  await asks(desk).waitFor({ state: 'detached' })
  await desk.mouse.up()
  await turnEnded('The risks are over.')
}, FLOW_MS)

test('approve-stack: several questions are a stack, answered one after the other', async () => {
  await say('now [[three]]')
  await asks(phone).getByText('1 of 3').waitFor()
  const seen: string[] = []
  for (const left of ['1 of 3', '1 of 2', null]) {
    if (left !== null) await asks(phone).getByText(left).waitFor()
    const heading = asks(phone).getByRole('heading')
    const question = await heading.innerText()
    seen.push(question)
    await asks(phone).getByRole('button', { name: 'Allow once' }).tap()
    await asks(phone).getByRole('heading', { name: question, exact: true }).waitFor({ state: 'detached' })
  }
  expect(seen.toSorted()).toEqual(['Read /etc/hostname?', 'Read /etc/hosts?', 'Read /etc/passwd?'])
  await turnEnded('All three are read.')
}, FLOW_MS)

test('approve-question: several questions with one choice, several choices, and own words', async () => {
  await say('now [[choices]]')
  await asks(phone).getByRole('heading', { name: '2 questions' }).waitFor()
  const answer = asks(phone).getByRole('button', { name: 'Answer' })
  expect(await answer.isDisabled()).toBe(true)
  await asks(phone).getByRole('radio', { name: /SQLite/ }).check()
  await asks(phone).getByRole('radio', { name: /Postgres/ }).check()
  await asks(phone).getByRole('checkbox', { name: 'Types' }).check()
  await asks(phone).getByRole('checkbox', { name: 'Tests' }).check()
  await asks(phone).getByRole('textbox', { name: 'An answer of your own' }).nth(1).fill('and a benchmark')
  await answer.tap()
  await log(desk).getByText('Answered by ada on web: Postgres · Types, Tests, and a benchmark').waitFor()
  const told = await world.model.waitFor(({ body, selected }) => selected?.name === 'choices' && selected.step === 1 && JSON.stringify(body).includes('tool_result'))
  expect(JSON.stringify(told.body)).toMatch(/Which database\?[^}]{0,20}=[^}]{0,20}Postgres/)
  expect(JSON.stringify(told.body)).toMatch(/Which checks\?[^}]{0,20}=[^}]{0,20}Types, Tests, and a benchmark/)
  await turnEnded('The choices are made.')
}, FLOW_MS)

test('approve-plan: a plan is sent back with what to change, and the next is accepted', async () => {
  await say('/plan')
  await log(desk).getByText('Turned on plan mode').waitFor()
  await say('now [[proposal]]')
  await asks(phone).getByRole('heading', { name: 'Go ahead with this plan?' }).waitFor()
  await asks(phone).locator('.plan').getByText('plan.txt').waitFor()
  await asks(phone).getByRole('button', { name: 'Say what to change' }).tap()
  await phone.getByRole('textbox', { name: 'Why not; the agent reads it' }).fill('write nothing')
  await asks(phone).getByRole('button', { name: 'Deny', exact: true }).tap()
  await log(desk).getByText('Sent back by ada on web: write nothing').waitFor()
  await asks(phone).locator('.plan').getByText('write nothing').waitFor()
  await asks(phone).getByRole('button', { name: 'Go ahead' }).tap()
  await log(desk).getByText('Accepted by ada on web').waitFor()
  await turnEnded('The plan is over.')
}, FLOW_MS)

test('approve-race: of five that answer at once one is heard, and the others learn who it was', async () => {
  await say('now [[raced]]')
  const { approvalId } = await eventually(async () => (await world.approvals(demo.id)).find(({ state }) => state === 'open'), 'the question')
  await asks(desk).getByText('raced.log').waitFor()
  const answers = await Promise.all(Array.from({ length: 5 }, async (_, at) => {
    const response = await world.product.fetch(`/api/v1/approvals/${approvalId}/decision`, { method: 'POST', body: JSON.stringify({ decision: { behavior: at % 2 === 0 ? 'allow' : 'deny', scope: 'once' }, via: 'web' }) })
    return { status: response.status, text: await response.text() }
  }))
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
  expect(answers.filter(({ status, text }) => status === 409 && text.includes('ada'))).toHaveLength(4)
  await turnEnded('The race is over.')
  const decided = (await world.events(demo.id)).filter(({ body }) => body.type === 'approval.decided' && body['approvalId'] === approvalId)
  expect(decided).toHaveLength(1)
  await asks(desk).waitFor({ state: 'detached' })
}, FLOW_MS)

test('swipe: right allows, left pauses, each with a button of its own and five seconds to think again', async () => {
  await say('now [[raced]]')
  await phone.goto(new URL('/', demo.webUrl).href)
  const card = phone.getByRole('main').locator('.ask').filter({ hasText: 'raced.log' })
  await card.getByRole('heading', { name: 'Run this command?' }).waitFor()
  expect(await card.getByRole('button', { name: 'Pause asking' }).count()).toBe(1)
  const before = decisions(await world.events(demo.id))
  await swipe(card.locator('h3'), 300)
  await phone.getByText('Allowing: Run echo raced').waitFor()
  await phone.getByRole('button', { name: 'Undo' }).click()
  await phone.getByText('Allowing: Run echo raced').waitFor({ state: 'detached' })
  expect(decisions(await world.events(demo.id))).toBe(before)
  await swipe(card.locator('h3'), 300)
  // Not taken back, it is said when the five seconds are over.
  await card.waitFor({ state: 'detached' })
  await eventually(async () => decisions(await world.events(demo.id)) === before + 1, 'the answer')
  await world.turnOver(demo.id)
  const row = phone.getByRole('main').locator('.item').filter({ hasText: 'asking' })
  await row.waitFor()
  // The list may still move the row to where a turn that is over stands, out from under the finger.
  const said = phone.getByText('asking is being put to sleep')
  await eventually(async () => {
    await swipe(row, -300)
    return said.waitFor({ timeout: 2000 }).then(() => true, () => false)
  }, 'the row to be swiped away', 20_000)
  await phone.getByRole('button', { name: 'Undo' }).click()
  await eventually(async () => (await world.workspace(demo.id)).wish.target === 'running', 'it is to stay awake')
}, FLOW_MS)

test('approve-session: allowed for the session, it is not asked again', async () => {
  await phone.goto(world.at(demo))
  // A message would wake it too; the machine is to be there first.
  await eventually(async () => (await world.workspace(demo.id)).phase === 'running', 'awake again')
  await say('now [[twice]]')
  await asks(desk).getByRole('heading', { name: /^Write .*one\.txt\?$/ }).waitFor()
  // The sign is drawn, so it is asked of each line.
  expect(await asks(desk).locator('.ask-diff .a .cmd > div').evaluateAll((lines) => lines.map((line) => `${getComputedStyle(line, '::before').content} ${line.textContent}`))).toEqual(['"+" 1', '"+" 2', '"+" 3'])
  await asks(desk).getByRole('button', { name: 'For this session' }).click()
  await turnEnded('Both are written.')
  await call(phone, 'one.txt').getByText('Allowed for this session by ada on web').waitFor()
  expect(await call(phone, 'two.txt').locator('.answer').count()).toBe(0)
  expect(world.complaints).toEqual([])
}, FLOW_MS)

const decisions = (events: Awaited<ReturnType<World['events']>>): number => events.filter(({ body }) => body.type === 'approval.decided').length
