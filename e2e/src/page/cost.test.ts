/** What machines cost, as a page says it: before one is bought, while it stands, and when stopped is not free. */
import { afterAll, beforeAll, expect, setDefaultTimeout } from 'bun:test'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import type { Workspace } from '@berth/wire'
import { buyAt, startHetznerAccount } from '../clouds/hetzner-account.ts'
import { eventually } from '../product.ts'
import { DESK, PHONE, startWorld, TABLET, test, type World } from './world.ts'

setDefaultTimeout(90_000)
/** Where somebody wants to look at them. */
const PICTURES = process.env['BERTH_PICTURES']
const hetzner = startHetznerAccount()
let world: World
let page: Page

beforeAll(async () => {
  world = await startWorld({ config: 'linkUrl: https://berth.example\n' })
  buyAt(hetzner, world.product.home, { volumeGb: 20 })
  page = await world.open(DESK)
})
afterAll(async () => {
  await world?.close()
  await hetzner.close()
})

async function pictures(name: string): Promise<void> {
  if (PICTURES === undefined) return
  for (const [size, { viewport }] of Object.entries({ 390: PHONE, 820: TABLET, 1440: DESK })) {
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.setViewportSize(viewport)
      await page.emulateMedia({ colorScheme })
      await page.screenshot({ path: join(PICTURES, `${name}-${size}-${colorScheme}.png`) })
    }
  }
  await page.setViewportSize(DESK.viewport)
  await page.emulateMedia({ colorScheme: 'light' })
}

test('cost-quote: the form says what a machine costs before it is started, and says nothing where it is free', async () => {
  await page.goto(new URL('/new', page.url()).href)
  const form = page.getByRole('dialog').locator('visible=true').first()
  await form.getByLabel('Where', { exact: true }).selectOption('hetzner')
  await form.locator('.price-line').getByText('€0.0112/h').waitFor()
  await form.getByRole('radio', { name: '4 cores, 8 GB' }).check()
  await form.locator('.price-line').getByText('while it runs, €7.13 a month; €1.14 a month while it is stopped').waitFor()
  await form.locator('.price-line').scrollIntoViewIfNeeded()
  await pictures('quote')
  await form.getByRole('radio', { name: '8 cores, 16 GB' }).check()
  await form.locator('.price-line').getByText('€0.0176/h').waitFor()
  await form.getByLabel('Where', { exact: true }).selectOption('local')
  await form.locator('.price-line').waitFor({ state: 'detached' })
})

test('cost-billed: a machine that is paid for while it sleeps says so in the list, in its strip and in its status, with what was spent', async () => {
  const made = await world.ask<Workspace>('POST', '/workspaces', { source: { kind: 'empty' }, provider: 'hetzner', agent: 'plain', command: 'true', name: 'paid' })
  await eventually(async () => (await world.workspace(made.id)).cost?.state === 'running', 'a machine that is paid for')
  await page.goto(world.at(made))
  await page.locator('.strip').getByText('€0.0112/h').waitFor()
  await world.ask('POST', `/workspaces/${made.id}/stop`, {})
  await page.locator('.strip').getByText('€0.0016/h still billed').waitFor()
  await page.locator('.item').filter({ hasText: 'paid' }).getByText('€0.0016/h still billed').first().waitFor()
  await page.getByText('Asleep. €0.0016/h still billed, and the work is kept.').waitFor()
  await pictures('asleep')
  await page.goto(world.at(made, 'status'))
  await page.getByText('Still billed: €0.0016/h for what is kept.').waitFor()
  await page.getByText(/^€0\.01 this month$/).waitFor()
  await pictures('status')
  await page.goto(new URL('/', page.url()).href)
  await page.getByText('€0.0016/h still billed').first().waitFor()
  await pictures('inbox')
  expect(world.complaints).toEqual([])
})
