/** A project whose own environment cannot be built: what its page says, and the way out of it, on the real engine. That it is built once it is mended: `surface/devcontainer.test.ts`. */
import { afterAll, beforeAll, expect } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Workspace } from '@berth/wire'
import { makeProject } from '../surface/made-project.ts'
import { CHROMIUM, PHONE, startWorld, test, type World } from './world.ts'
import { UNBUILDABLE } from './screen-arrivals.ts'

const UP_MS = 180_000
let world: World
let scratch = ''

beforeAll(async () => {
  if (CHROMIUM === null) return
  world = await startWorld()
  scratch = mkdtempSync(join(tmpdir(), 'berth-recovery-'))
}, UP_MS)
afterAll(async () => {
  await world?.close()
  rmSync(scratch, { recursive: true, force: true })
}, UP_MS)

test('recovery: see why a project’s own environment could not be built, and have it built again', async () => {
  const { product } = world
  const broken = await product.json<Workspace>(['up', makeProject(join(scratch, 'broken'), UNBUILDABLE), '--provider', 'docker', '--agent', 'plain', '--command', 'cat', '--no-open', '-y', '--name', 'broken'])
  const page = await world.open(PHONE)
  await page.goto(world.at(broken))
  const card = page.getByRole('region', { name: 'Recovery' })
  await card.getByText('Dockerfile').waitFor()
  expect(await card.getByRole('button').allInnerTexts()).toEqual(['Build it again'])
  await page.locator('.strip').getByText('recovery').waitFor()
  await page.goto(world.at(broken, 'status'))
  await page.locator('.status').getByRole('region', { name: 'Recovery' }).getByText('~/devcontainer-build.log').waitFor()
  const asked = page.waitForResponse((response) => response.request().method() === 'POST' && response.url().endsWith('/rebuild'))
  await page.locator('.status').getByRole('button', { name: 'Build it again' }).tap()
  expect((await asked).status()).toBe(200)
}, 2 * UP_MS)
