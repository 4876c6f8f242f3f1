/** What the tests of review, files and terminal share: hands on the room, eyes on git, an agent that does as it is told. */
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import type { Scenarios } from '@berth/testkit/scripted-model'
import type { Workspace } from '@berth/wire'
import type { Review } from '@berth/wire/review'
import { eventually } from '../product.ts'
import type { Files } from '../repository.ts'
import { startWorld, type World } from './world.ts'

/** A directory for pictures of what the tests see; absent: none. */
const PICTURES = process.env['BERTH_PICTURES']

export async function picture(page: Page, name: string): Promise<void> {
  if (PICTURES === undefined) return
  for (const theme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme: theme, reducedMotion: 'reduce' })
    await page.screenshot({ path: join(PICTURES, `${name}-${theme}.png`) })
  }
  await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' })
}

const IDENTITY = { GIT_AUTHOR_NAME: 'Ada', GIT_AUTHOR_EMAIL: 'ada@example.com', GIT_COMMITTER_NAME: 'Ada', GIT_COMMITTER_EMAIL: 'ada@example.com' }

export const numbered = (count: number): string => Array.from({ length: count }, (_, at) => `line ${at + 1}\n`).join('')

export interface Desk {
  readonly world: World
  readonly demo: Workspace
  review(): Promise<Review>
  markOf(path: string, text?: string): Promise<string | undefined>
  /** Says it; the agent does what the marker in it says. Resolves when the turn is over. */
  agent(text: string): Promise<void>
  say(text: string): Promise<void>
  /** In the working tree, as somebody at the machine: the agent is not asked. */
  sh(command: string): Promise<string>
  enter(page: Page, pane: string, workspace?: Workspace): Promise<void>
  close(): Promise<void>
}

/** `first`: what the agent is told first; it is done with it before this resolves. */
export async function startDesk(from: Files, scenarios: Scenarios, first: string): Promise<Desk> {
  const world = await startWorld({ scenarios, from })
  try {
    const demo = await world.up('demo', first, '--approvals', 'skip')
    const review = () => world.ask<Review>('GET', `/workspaces/${demo.id}/review`)
    const say = async (text: string) => void (await world.ask('POST', `/workspaces/${demo.id}/messages`, { text }))
    const turns = async () => (await world.events(demo.id)).filter(({ body }) => body.type === 'turn.ended').length
    const turnAfter = (before: number, what: string, withinMs?: number) => eventually(async () => (await turns()) > before && !(await review()).busy, what, withinMs)
    await turnAfter(0, 'the first turn', 120_000)
    return {
      world, demo, review, say, close: world.close,
      async markOf(path, text) {
        const file = (await review()).files.find((candidate) => candidate.path === path)
        return text === undefined ? file?.mark : file?.hunks.find(({ lines }) => lines.some((line) => line.includes(text)))?.mark
      },
      async agent(text) {
        const before = await turns()
        await say(text)
        await turnAfter(before, `the turn of ${text}`)
      },
      async sh(command) {
        const child = Bun.spawn(['sh', '-ec', command], { cwd: join(world.product.home, 'workspaces', demo.id, 'machine-g1/work'), stdout: 'pipe', stderr: 'pipe', env: { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent', GIT_CONFIG_COUNT: '1', GIT_CONFIG_KEY_0: 'safe.directory', GIT_CONFIG_VALUE_0: '*', ...IDENTITY } })
        const [stdout, stderr, code] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited])
        if (code !== 0) throw new Error(`${command}: ${stderr}`)
        return stdout
      },
      async enter(page, pane, workspace = demo) {
        await page.goto(world.at(workspace, pane))
      },
    }
  } catch (error) {
    await world.close()
    throw error
  }
}

export const room = (page: Page) => page.locator('.review')
export const hunk = (page: Page, text: string) => page.locator('article.hunk').filter({ hasText: text })
export const act = (page: Page, name: 'Accept' | 'Reject' | 'Comment' | 'Next') => page.locator('.review-acts').getByRole('button', { name })

/** By the list of files: as people who know where they want to go. */
export async function toFile(page: Page, name: string): Promise<void> {
  await page.getByRole('button', { name: /all files/i }).first().click()
  await page.getByRole('dialog').locator('.file-choice').filter({ has: page.getByTitle(name, { exact: true }) }).click()
  await page.getByRole('dialog').waitFor({ state: 'detached' })
}

export async function reject(page: Page, reason = ''): Promise<void> {
  await act(page, 'Reject').click()
  const sheet = page.getByRole('dialog')
  await sheet.getByLabel(/^Why/).fill(reason)
  await sheet.getByRole('button', { name: 'Reject' }).click()
  await sheet.waitFor({ state: 'detached' })
}
