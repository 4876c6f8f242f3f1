/**
 * Every screen there is, as data: the tests of access go through this list, and so do the pictures of `docs/screens`.
 * What the router, the rooms and the dialogs know and this list does not is found by `screens.test.ts`.
 * `bun e2e/src/page/screens.ts docs/screens` writes the pictures.
 */
import { resolve } from 'node:path'
import type { Locator, Page } from 'playwright-core'
import type { Checkpoint, Review } from '@berth/wire/review'
import { eventually } from '../product.ts'
import { DESK, PHONE, TABLET } from './world.ts'
import type { ScreenWorld, Ship } from './screen-world.ts'

export const SIZES = { phone: PHONE, tablet: TABLET, desk: DESK, wall: { viewport: { width: 1920, height: 1080 } } } as const
export type SizeName = keyof typeof SIZES
const USUAL: readonly SizeName[] = ['phone', 'tablet', 'desk']
const WITH_BAR: readonly SizeName[] = ['phone']
const TOUCH: readonly SizeName[] = ['phone', 'tablet']

export interface Screen {
  readonly name: string
  readonly says: string
  /** As the router calls it, a room after it; `outside`: a page that the router has no part in. */
  readonly route: string
  /** What is new in it, as a selector: all else stands in other screens too, and was looked at there. */
  readonly part?: string
  /** The dialogs that are open in it. */
  readonly dialogs?: readonly string[]
  /** Who must be in the harbour. */
  readonly ships: readonly Ship[]
  readonly path: (world: ScreenWorld) => string
  /** There is nothing to look at before this. */
  readonly seen: (page: Page) => Locator
  /** Before the first size: what changes the world. */
  readonly once?: (world: ScreenWorld) => Promise<void>
  /** Before the page is opened. */
  readonly first?: (page: Page) => Promise<void>
  /** From the opened page to the screen. */
  readonly act?: (page: Page) => Promise<void>
  readonly after?: (page: Page) => Promise<void>
  readonly sizes?: readonly SizeName[]
  readonly browser?: 'signed-out' | 'no-script'
  /** The lane of the tests that goes there; `harbour` has the ones that ask, `rooms` the ones that have done something. `pictures`: none, it needs an engine. */
  readonly lane: 'harbour' | 'rooms' | 'pictures'
}

const main = (page: Page) => page.getByRole('main')
const button = (page: Page | Locator, name: string | RegExp) => page.getByRole('button', { name }).locator('visible=true').first()
const heading = (page: Page, name: string | RegExp) => page.getByRole('heading', { name }).locator('visible=true').first()
const dialog = (page: Page) => page.getByRole('dialog').locator('visible=true').first()
const dock = (page: Page) => page.locator('.dock .ask')
/** A file's page of the review, by its name. */
const toFile = (name: string) => async (page: Page) => {
  await button(page, /all files/i).click()
  await dialog(page).locator('.file-choice').filter({ has: page.getByTitle(name, { exact: true }) }).click()
}
const menu = (item?: string) => async (page: Page) => {
  await button(page, 'Actions').click()
  await dialog(page).waitFor()
  if (item) await button(dialog(page), item).click()
}
/** They come by themselves, after the rest of the room. */
const waysOut = (page: Page) => main(page).getByText('Models, this month').locator('visible=true').first().waitFor()
const held = (name: string) => async (page: Page) => {
  // The menu key and a long press are the same to the bar.
  await page.locator('.bar').getByRole('button', { name }).dispatchEvent('contextmenu')
}
const hunkMenu = (item?: string) => async (page: Page) => {
  await toFile('src/totals/sum.ts')(page)
  await button(page, /^More about lines/).click()
  if (item) await button(dialog(page), item).click()
}
/** Docker where it is ready: it alone can give these. */
const fillExtras = async (page: Page) => {
  await page.locator('dialog details.more > summary').first().click()
  const where = dialog(page).getByLabel('Where', { exact: true })
  await dialog(page).locator('.provider-line').first().waitFor()
  if (await where.locator('option:not([disabled])').filter({ hasText: /^docker$/ }).count() > 0) {
    await where.selectOption('docker')
    await dialog(page).getByRole('checkbox', { name: /A Docker engine/ }).check()
    await dialog(page).getByRole('checkbox', { name: /Root in its machine/ }).check()
  }
  await dialog(page).getByLabel('Begin with an empty tree').check()
  await dialog(page).getByLabel('MCP servers').fill('linear https://mcp.linear.app/mcp')
  await button(dialog(page), 'Start task').click()
}
const holdBack = async (page: Page) => { await page.route(/\/assets\/settings-page[^/]*\.js$/, () => {}) }
const refuse = async (page: Page) => { await page.route(/\/assets\/settings-page[^/]*\.js$/, (route) => route.abort()) }
const letGo = async (page: Page) => { await page.unrouteAll({ behavior: 'ignoreErrors' }) }

const inHarbour = (screen: Omit<Screen, 'lane' | 'ships'> & { ships?: readonly Ship[] }): Screen => ({ ships: ['asks'], ...screen, lane: 'harbour' })
const inRooms = (screen: Omit<Screen, 'lane' | 'ships' | 'path'> & { ships?: readonly Ship[]; room?: string }): Screen => ({ ships: ['done'], path: (world) => world.at(screen.ships?.[0] ?? 'done', screen.room), ...screen, lane: 'rooms' })
const ofShip = (ship: Ship, room?: string) => ({ ships: [ship], path: (world: ScreenWorld) => world.at(ship, room) })

const HARBOUR: readonly Screen[] = [
  { name: 'empty', says: 'the inbox before the first workspace', route: 'list', ships: [], path: () => '/', seen: (page) => heading(page, 'No workspace yet'), lane: 'harbour' },
  inHarbour({ name: 'inbox', says: 'who needs a person, then the others', route: 'list', ships: ['asks', 'question', 'plan', 'stack', 'asleep', 'failed', 'starting', 'idle'], path: () => '/', seen: (page) => main(page).getByRole('region', { name: 'Needs you', exact: true }) }),
  inHarbour({ name: 'palette', says: 'everything by name', route: 'list', dialogs: ['palette'], path: () => '/', act: (page) => button(page, 'Search and commands').click(), seen: (page) => dialog(page).getByRole('option').first() }),
  inHarbour({ name: 'keys', says: 'the keyboard', route: 'list', dialogs: ['keys', 'KeysSheet'], path: () => '/', act: async (page) => { await button(page, 'Search and commands').click(); await dialog(page).getByRole('option', { name: 'Keyboard' }).click() }, seen: (page) => page.getByRole('dialog', { name: 'Keyboard' }) }),
  inHarbour({ name: 'tiles', says: 'many sessions at once, live', part: 'main', route: 'grid', path: () => '/grid', seen: (page) => main(page).locator('.tile').filter({ has: page.locator('.tile-lines p') }).nth(3) }),
  inHarbour({ name: 'new', says: 'a new workspace', route: 'new', dialogs: ['NewWorkspaceSheet'], path: () => '/new', act: (page) => dialog(page).locator('.provider-line').first().waitFor(), seen: (page) => dialog(page).getByRole('option').first() }),
  inHarbour({ name: 'new-more', says: 'a new workspace, with everything that can be said', part: 'dialog[open]', route: 'new', path: () => '/new', seen: (page) => dialog(page).getByRole('combobox', { name: 'Repository' }), act: async (page) => { await page.locator('dialog details.more > summary').first().click() } }),
  inHarbour({ name: 'new-extras', says: 'a machine with a Docker engine and a root of its own', part: 'dialog[open]', route: 'new', path: () => '/new', seen: (page) => dialog(page).getByText('write name=command'), act: fillExtras }),
  inHarbour({ name: 'settings', says: 'what is kept for a person and for this device', part: '.settings', route: 'settings', path: () => '/settings', seen: (page) => page.getByRole('region', { name: 'Server' }).getByText('Version') }),
  inHarbour({ name: 'settings-channel', says: 'a way to be told, before it is kept', part: '.settings', route: 'settings', path: () => '/settings', seen: (page) => page.locator('form.channel'), act: async (page) => { await button(page, /^Add (?:a|another) (?:way|channel)|ntfy/).click(); await page.locator('form.channel').getByRole('button', { name: 'Save' }).scrollIntoViewIfNeeded() } }),
  inHarbour({ name: 'repositories', says: 'what the server keeps, and a password for git', part: '.settings', route: 'repositories', path: () => '/repositories', once: keepTwo, act: async (page) => { await button(page, 'More about ledger').click(); await button(page, 'Password to push').click() }, seen: (page) => main(page).getByText('Shown once.') }),
  inHarbour({ name: 'decision', says: 'a push that rewrites history', route: 'workspace/chat', ...ofShip('asks'), seen: (page) => dock(page) }),
  inHarbour({ name: 'decision-edit', says: 'the command, changed before it is allowed', part: '.dock', route: 'workspace/chat', ...ofShip('asks'), act: (page) => button(dock(page), 'Edit').click(), seen: (page) => dock(page).locator('textarea') }),
  inHarbour({ name: 'decision-reason', says: 'a refusal with its reason', part: '.dock', route: 'workspace/chat', ...ofShip('asks'), act: (page) => button(dock(page), 'Deny with a reason').click(), seen: (page) => dock(page).locator('textarea') }),
  inHarbour({ name: 'decision-lines', says: 'an edit, line by line', part: '.dock', route: 'workspace/chat', ...ofShip('edits'), seen: (page) => dock(page).locator('.ask-diff .a') }),
  inHarbour({ name: 'stack', says: 'three questions of one session', part: '.dock', route: 'workspace/chat', ...ofShip('stack'), seen: (page) => dock(page).getByText('1 of 3') }),
  inHarbour({ name: 'question', says: 'a question with its options', part: '.dock', route: 'workspace/chat', ...ofShip('question'), seen: (page) => dock(page).getByRole('radio').first() }),
  inHarbour({ name: 'plan', says: 'a plan to approve', part: '.dock', route: 'workspace/chat', ...ofShip('plan'), seen: (page) => dock(page).locator('.plan') }),
  inHarbour({ name: 'decision-tool', says: 'a tool of a person’s own server', part: '.dock', route: 'workspace/chat', ...ofShip('tool'), seen: (page) => dock(page) }),
  inHarbour({ name: 'agent-sign-in', says: 'an agent that nobody signed in', part: '.sign-in', route: 'workspace/chat', ...ofShip('unsigned'), seen: (page) => page.getByRole('region', { name: 'Sign in to Claude Code' }).getByRole('button', { name: 'Sign in to Claude Code' }) }),
  inHarbour({ name: 'agent-sign-in-steps', says: 'its own sign-in: a link, and what the page there gives', part: '.sign-in', route: 'workspace/chat', ...ofShip('unsigned'), once: ({ ask, ships: { unsigned } }) => ask('POST', `/workspaces/${unsigned?.id}/sign-in`, { agent: 'claude' }), seen: (page) => page.getByRole('region', { name: 'Sign in to Claude Code' }).getByRole('link', { name: /^Open / }) }),
  inHarbour({ name: 'starting', says: 'a machine on its way', part: 'main', route: 'workspace/chat', ...ofShip('starting'), seen: (page) => main(page).locator('.steps').first() }),
  inHarbour({ name: 'starting-status', says: 'its steps, one by one', part: '.detail', route: 'workspace/status', ...ofShip('starting', 'status'), act: waysOut, seen: (page) => main(page).getByRole('region', { name: 'Start' }) }),
  inHarbour({ name: 'failed', says: 'why it failed, and one action', part: '.chat', route: 'workspace/chat', ...ofShip('failed'), seen: (page) => main(page).getByRole('region', { name: 'Why it failed' }) }),
  { ...inHarbour({ name: 'recovery', says: 'a project whose own environment could not be built', part: '.chat', route: 'workspace/chat', ...ofShip('recovers'), seen: (page) => main(page).locator('.chat').getByRole('region', { name: 'Recovery' }) }), lane: 'pictures' },
  inHarbour({ name: 'asleep', says: 'a machine that sleeps', part: '.chat', route: 'workspace/chat', ...ofShip('asleep'), seen: (page) => main(page).locator('.strip').getByText('Asleep') }),
  inHarbour({ name: 'asleep-terminal', says: 'no terminal while it sleeps', part: '.detail', route: 'workspace/terminal', ...ofShip('asleep', 'terminal'), seen: (page) => heading(page, 'The machine sleeps') }),
  inHarbour({ name: 'gone', says: 'a workspace that is not there', route: 'workspace/chat', path: () => '/workspaces/ws_0000000000zz', seen: (page) => heading(page, 'This workspace does not exist') }),
  inHarbour({ name: 'nowhere', says: 'an address that is none', route: 'nowhere', path: () => '/harbour/master', seen: (page) => heading(page, 'There is nothing at this address') }),
  inHarbour({ name: 'loading', says: 'a room on its way', route: 'settings', path: () => '/settings', first: holdBack, after: letGo, seen: (page) => page.locator('.panes > .skeleton') }),
  inHarbour({ name: 'refused', says: 'a room that did not come', route: 'settings', path: () => '/settings', first: refuse, after: letGo, seen: (page) => page.locator('.panes > [role="alert"]') }),
  inHarbour({ name: 'signed-out', says: 'a browser that is not signed in', route: 'outside', path: () => '/', browser: 'signed-out', seen: (page) => heading(page, /not signed in/) }),
  inHarbour({ name: 'sign-in', says: 'the button behind a link that signs in', route: 'outside', path: () => '/sign-in?code=not-used-here', browser: 'signed-out', seen: (page) => button(page, 'Sign in on this browser') }),
  inHarbour({ name: 'no-script', says: 'scripts blocked: still a page to read', route: 'list', path: () => '/', browser: 'no-script', seen: (page) => page.locator('.noscript') }),
  inHarbour({ name: 'no-script-session', says: 'scripts blocked: what happened in a session', route: 'workspace/chat', ...ofShip('asks'), browser: 'no-script', seen: (page) => page.locator('.noscript') }),
]

const ROOMS: readonly Screen[] = [
  inRooms({ name: 'session', says: 'a turn that is done', route: 'workspace/chat', seen: (page) => main(page).locator('.turn').last() }),
  inRooms({ name: 'working', says: 'a turn under way, its list and its output', route: 'workspace/chat', ships: ['works'], seen: (page) => main(page).locator('.tool.live').last() }),
  inRooms({ name: 'working-plan', says: 'the agent’s list, unfolded', part: '.dock', route: 'workspace/chat', ships: ['works'], act: (page) => page.locator('.plan-strip summary').click(), seen: (page) => page.locator('.plan-strip ol') }),
  inRooms({ name: 'mention', says: 'a file found for a message', part: '.dock', route: 'workspace/chat', act: (page) => page.getByRole('textbox', { name: 'Message to the agent' }).pressSequentially('Look at @sum'), seen: (page) => page.locator('.completions [role="option"]').first(), after: (page) => page.getByRole('textbox', { name: 'Message to the agent' }).fill('') }),
  inRooms({ name: 'menu', says: 'all that can be done with a workspace', route: 'workspace/chat', dialogs: ['MenuSheet'], act: menu(), seen: (page) => button(dialog(page), 'Delete') }),
  inRooms({ name: 'menu-pause', says: 'Pause, pressed long', part: 'dialog[open]', route: 'workspace/chat', sizes: WITH_BAR, act: held('Pause'), seen: (page) => button(dialog(page), 'Pause all') }),
  inRooms({ name: 'menu-commit', says: 'Commit, pressed long', part: 'dialog[open]', route: 'workspace/chat', sizes: WITH_BAR, act: held('Commit'), seen: (page) => button(dialog(page), 'Quick commit') }),
  inRooms({ name: 'menu-terminal', says: 'Terminal, pressed long', part: 'dialog[open]', route: 'workspace/chat', sizes: WITH_BAR, act: held('Terminal'), seen: (page) => button(dialog(page), 'Run a command') }),
  inRooms({ name: 'connect', says: 'how a terminal joins', route: 'workspace/chat', dialogs: ['connect', 'ConnectSheet'], act: menu('How to connect'), seen: (page) => dialog(page).getByRole('button', { name: /^Copy the command berth ssh/ }) }),
  inRooms({ name: 'qr', says: 'this session on a phone', route: 'workspace/chat', dialogs: ['qr', 'QrSheet'], act: menu('Open on a phone'), seen: (page) => dialog(page).getByText('Signs one browser in') }),
  inRooms({ name: 'sessions', says: 'another agent beside the first', part: 'dialog[open]', route: 'workspace/chat', dialogs: ['sessions', 'SessionsSheet'], act: menu('Sessions'), seen: (page) => dialog(page).getByRole('button', { name: /^(New session|Begin)$/ }).first() }),
  inRooms({ name: 'delete', says: 'the last question before it is gone', route: 'workspace/chat', dialogs: ['delete', 'DeleteSheet'], act: menu('Delete'), seen: (page) => dialog(page).getByText('not pushed') }),
  inRooms({ name: 'status', says: 'what it is, costs and waits for', part: '.detail', route: 'workspace/status', room: 'status', act: waysOut, seen: (page) => main(page).getByRole('region', { name: 'Machine' }) }),
  inRooms({ name: 'cost', says: 'the same, as a tab of a wide screen', part: '.detail', route: 'workspace/cost', room: 'cost', act: waysOut, seen: (page) => main(page).getByRole('region', { name: 'Cost' }).locator('visible=true').last() }),
  inRooms({ name: 'files', says: 'the tree', part: '.detail', route: 'workspace/files', room: 'files', seen: (page) => page.locator('.entries').getByText('README.md') }),
  inRooms({ name: 'files-find', says: 'a file by a few letters', part: '.detail', route: 'workspace/files', room: 'files', act: (page) => page.getByRole('searchbox').fill('sum'), seen: (page) => page.locator('.entries').getByText('src/totals/') }),
  inRooms({ name: 'file', says: 'one file, to read', part: '.detail', route: 'workspace/files', room: 'files', act: async (page) => { await page.getByRole('searchbox').fill('sum.ts'); await page.locator('.entries button').filter({ hasText: 'sum.ts' }).click() }, seen: (page) => page.locator('.file-text').getByText('invoiceTotal') }),
  inRooms({ name: 'preview', says: 'what listens in the workspace', part: '.detail', route: 'workspace/preview', ships: ['works'], room: 'preview', seen: (page) => page.locator('.port').first() }),
  inRooms({ name: 'preview-sheet', says: 'who may open a port', route: 'workspace/preview', dialogs: ['PreviewSheet'], ships: ['works'], room: 'preview', act: (page) => button(page, /^More about port/).first().click(), seen: (page) => button(dialog(page), 'Copy the address') }),
  inRooms({ name: 'preview-none', says: 'nothing listens', part: '.detail', route: 'workspace/preview', room: 'preview', seen: (page) => heading(page, 'Nothing listens yet') }),
  inRooms({ name: 'terminal', says: 'the agent’s own screen', part: '.detail', route: 'workspace/terminal', room: 'terminal', seen: (page) => page.locator('.term-screen, .xterm-rows').getByText('once').first() }),
  inRooms({ name: 'terminal-type', says: 'the terminal with its keys', part: '.detail', route: 'workspace/terminal', room: 'terminal', sizes: TOUCH, act: (page) => button(page, 'Type').click(), seen: (page) => page.locator('.xterm-rows').getByText('once').first() }),
  inRooms({ name: 'terminal-line', says: 'one line, without a keyboard of its own', route: 'workspace/terminal', dialogs: ['LineSheet'], room: 'terminal', sizes: TOUCH, act: (page) => button(page, 'Send one line').click(), seen: (page) => dialog(page).locator('textarea, input').first() }),
  inRooms({ name: 'review', says: 'what changed, hunk by hunk', part: '.detail', route: 'workspace/changes', room: 'changes', act: toFile('src/totals/sum.ts'), seen: (page) => page.locator('article.hunk').first() }),
  inRooms({ name: 'review-two', says: 'the old beside the new', part: '.detail', route: 'workspace/changes', room: 'changes', sizes: ['wall'], act: toFile('src/totals/sum.ts'), seen: (page) => page.locator('.diff.two').first() }),
  inRooms({ name: 'review-menu', says: 'what can be done with the whole review', route: 'workspace/changes', dialogs: ['ReviewSheet'], room: 'changes', act: (page) => button(page, 'More about the review').click(), seen: (page) => dialog(page) }),
  inRooms({ name: 'review-files', says: 'the files of the review', route: 'workspace/changes', dialogs: ['FilesSheet'], room: 'changes', act: (page) => button(page, /all files/i).click(), seen: (page) => dialog(page) }),
  inRooms({ name: 'review-hunk', says: 'what can be done with a hunk', route: 'workspace/changes', dialogs: ['HunkSheet'], room: 'changes', act: hunkMenu(), seen: (page) => dialog(page) }),
  inRooms({ name: 'review-comment', says: 'a comment on a line', route: 'workspace/changes', dialogs: ['CommentSheet'], room: 'changes', act: hunkMenu('Comment on a line'), seen: (page) => dialog(page).locator('textarea') }),
  inRooms({ name: 'review-reject', says: 'why a hunk is not wanted', route: 'workspace/changes', dialogs: ['RejectSheet'], room: 'changes', act: hunkMenu('Reject with a reason'), seen: (page) => dialog(page).locator('textarea, input').first() }),
  inRooms({ name: 'review-edit', says: 'a hunk, written by hand', route: 'workspace/changes', dialogs: ['EditSheet'], room: 'changes', act: hunkMenu('Edit by hand'), seen: (page) => dialog(page).locator('textarea') }),
  inRooms({ name: 'review-commit', says: 'a commit with its suggested message', route: 'workspace/changes', dialogs: ['CommitSheet'], room: 'changes', act: async (page) => { await button(page, 'More about the review').click(); await button(dialog(page), /^Commit/).click() }, seen: (page) => button(dialog(page), /^Commit \d/) }),
  inRooms({ name: 'review-checkpoints', says: 'states to go back to', route: 'workspace/changes', dialogs: ['CheckpointsSheet'], room: 'changes', act: async (page) => { await button(page, 'More about the review').click(); await button(dialog(page), /^Checkpoints/).click() }, seen: (page) => dialog(page).getByText('what the workspace began with') }),
  inRooms({ name: 'review-decided', says: 'accepted, rejected, said', part: '.detail', route: 'workspace/changes', room: 'changes', once: decideSome, act: toFile('src/totals/sum.ts'), seen: (page) => page.locator('article.hunk .tag.ok').first() }),
  inRooms({ name: 'review-end', says: 'the end: tell the agent, commit', part: '.detail', route: 'workspace/changes', room: 'changes', act: async (page) => { await toFile('src/totals/sum.ts')(page); await button(page, 'Finish the review').click() }, seen: (page) => page.getByRole('region', { name: 'The end of the review' }) }),
  inRooms({ name: 'told', says: 'what the agent tells its person, by tools of ours and of theirs', route: 'workspace/chat', ships: ['tells'], seen: (page) => main(page).locator('.notice', { hasText: 'Half way' }) }),
  inRooms({ name: 'status-origin', says: 'its origin has moved', part: '.detail', route: 'workspace/status', ships: ['tells'], room: 'status', once: ({ product }) => product.cli(['update', 'storefront', '--check'], { exit: 1 }).then(() => {}), seen: (page) => main(page).getByText('Behind origin/main') }),
  inRooms({ name: 'review-origin', says: 'the same, in front of a review', part: '.detail', route: 'workspace/changes', ships: ['tells'], room: 'changes', seen: (page) => main(page).getByText('Behind origin/main') }),
  inRooms({ name: 'taken-back', says: 'a turn that was taken back', route: 'workspace/chat', ships: ['tells'], once: takeBack, seen: (page) => main(page).getByText('Taken back').first() }),
  inRooms({ name: 'sessions-two', says: 'two conversations in one workspace', route: 'workspace/chat', ships: ['tells'], once: anotherSession, act: menu('Sessions'), seen: (page) => dialog(page).getByText('Second opinion') }),
  inRooms({ name: 'offline', says: 'the server is not heard: what was seen, greyed', route: 'workspace/chat', once: ({ product }) => product.cli(['server', 'stop']).then(() => {}), seen: (page) => page.getByText('The server is not heard').first() }),
  inRooms({ name: 'offline-review', says: 'a review that can be read, not decided', part: '.detail', route: 'workspace/changes', room: 'changes', seen: (page) => page.getByText('You can read; deciding waits').first() }),
]

export const SCREENS: readonly Screen[] = [...HARBOUR, ...ROOMS]
export const sizesOf = ({ sizes = USUAL }: Screen): readonly SizeName[] => sizes

/** Repositories of tasks, beside those of the workspaces. */
async function keepTwo({ product }: ScreenWorld): Promise<void> {
  for (const name of ['ledger', 'import-cleanup']) await product.cli(['repos', 'create', name])
}

/** A second turn, and the way back to the end of the first. */
async function takeBack({ ask, turnOver, events, ships: { tells } }: ScreenWorld): Promise<void> {
  const id = tells?.id ?? ''
  const turns = async () => (await events(id)).filter(({ body }) => body.type === 'turn.ended').length
  await ask('POST', `/workspaces/${id}/messages`, { text: 'Say why there is an offer.' })
  await eventually(async () => (await turns()) === 2, 'the second turn')
  const end = await eventually(async () => (await ask<Checkpoint[]>('GET', `/workspaces/${id}/checkpoints`)).find(({ turn }) => turn === 1), 'the end of the first turn')
  await turnOver(id)
  await ask('POST', `/workspaces/${id}/rewind`, { commit: end.commit, conversation: true })
  await turnOver(id)
}

async function anotherSession({ ask, ships: { tells } }: ScreenWorld): Promise<void> {
  const at = `/workspaces/${tells?.id}/sessions`
  await ask('POST', at, { agent: 'claude', title: 'Second opinion' })
  await eventually(async () => (await ask<{ state: string }[]>('GET', at)).every(({ state }) => state === 'idle'), 'both rest')
}

/** One hunk accepted, one rejected, and a word on a line: by the API, since the pages of all sizes shall see it. */
async function decideSome({ ask, ships: { done } }: ScreenWorld): Promise<void> {
  const at = `/workspaces/${done?.id}/review`
  const { tree, files } = await ask<Review>('GET', at)
  const { path = '', hunks = [] } = files.find((file) => file.path.endsWith('sum.ts')) ?? {}
  await ask('POST', `${at}/comments`, { path, side: 'new', line: 8, quote: '  return roundHalfEven(exact)', text: 'Half-even? The contract says half-up. Check docs/rounding.md.' })
  await ask('POST', `${at}/marks`, { tree, marks: [{ path, hunkId: hunks[0]?.hunkId, mark: 'accepted' }, { path, hunkId: hunks.at(-1)?.hunkId, mark: 'rejected', reason: 'Keep toFixed: the API stays as it is.' }] })
}

if (import.meta.main) void import('./screen-pictures.ts').then(({ takePictures }) => takePictures(resolve(process.argv[2] ?? 'docs/screens'), process.argv[3] === undefined ? undefined : new RegExp(process.argv[3])))
