/** A project whose own environment cannot be built: what its page says, and the whole way out of it, on the real engine. By the command line: `surface/devcontainer.test.ts`. */
import { afterAll, beforeAll, expect } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import type { Workspace } from '@berth/wire'
import { eventually } from '../product.ts'
import { makeProject } from '../surface/made-project.ts'
import { CHROMIUM, PHONE, startWorld, test, type World } from './world.ts'
import { UNBUILDABLE } from './screen-arrivals.ts'

const UP_MS = 180_000
/** Nobody built this before: what is kept between runs is not what is tested. */
const MARK = crypto.randomUUID()
let world: World
let scratch = ''
const images = new Set<string>()

const engine = (path: string, init: RequestInit = {}) => fetch(`http://docker/v1.41${path}`, { ...init, unix: '/var/run/docker.sock' })
async function imageOf({ id }: Workspace): Promise<string> {
  const filters = encodeURIComponent(JSON.stringify({ label: [`dev.berth.workspace=${id}`] }))
  const [found] = (await (await engine(`/containers/json?filters=${filters}`)).json()) as { Image: string }[]
  const image = found?.Image ?? ''
  if (image.startsWith('berth/devcontainer:')) images.add(image)
  return image
}
const run = async (script: string): Promise<string> => (await world.product.cli(['run', 'broken', '--', 'sh', '-c', script])).stdout
const card = (page: Page) => page.locator('.chat').getByRole('region', { name: 'Recovery' })

beforeAll(async () => {
  if (CHROMIUM === null) return
  world = await startWorld()
  // An image that others can be made from has a tree of its own.
  writeFileSync(join(world.product.home, 'providers/docker.yaml'), '{}\n')
  scratch = mkdtempSync(join(tmpdir(), 'berth-recovery-'))
}, UP_MS)
afterAll(async () => {
  await world?.close()
  // The container of the deleted workspace may still be on its way out.
  for (const image of images) await eventually(async () => [200, 404].includes((await engine(`/images/${image}`, { method: 'DELETE' })).status), `${image} is removed`)
  rmSync(scratch, { recursive: true, force: true })
}, UP_MS)

test('recovery: see why a project’s own environment could not be built, mend it, and have it built again', async () => {
  const { product } = world
  const broken = await product.json<Workspace>(['up', makeProject(join(scratch, 'broken'), UNBUILDABLE), '--provider', 'docker', '--agent', 'plain', '--command', 'cat', '--no-open', '-y', '--name', 'broken'])
  const page = await world.open(PHONE)
  await page.goto(world.at(broken))
  await card(page).getByText('Dockerfile').waitFor()
  expect(await card(page).getByRole('button').allInnerTexts()).toEqual(['Build it again'])
  await page.locator('.strip').getByText('recovery').waitFor()
  // Once: the notice of it says the same, and comes back when the card has gone.
  const notice = page.getByRole('log').getByText('This is a machine of the default image to repair it in')
  expect([await notice.count(), await notice.isVisible()]).toEqual([1, false])
  const plain = await imageOf(broken)
  expect(plain).toStartWith('berth/workspace:')
  expect(await run('cat ~/devcontainer-build.log')).toContain('Dockerfile')

  // By the button.
  await run(`printf 'FROM ${plain}\\nRUN echo ${MARK} > /mended\\n' > .devcontainer/Dockerfile && echo kept > here`)
  await card(page).getByRole('button', { name: 'Build it again' }).tap()
  await card(page).waitFor({ state: 'detached', timeout: UP_MS })
  await page.locator('.strip').getByText('Idle').waitFor({ timeout: UP_MS })
  await notice.waitFor()
  expect(await page.locator('.strip').getByText('recovery').count()).toBe(0)
  expect(await world.workspace(broken.id)).toMatchObject({ phase: 'running', recovery: null })
  expect(await imageOf(broken)).toStartWith('berth/devcontainer:')
  expect(await run('cat /mended here')).toBe(`${MARK}\nkept\n`)

  // What breaks again is said again, in the room of the phone as well; the page sees what the command line does.
  await run(`printf 'FROM ${plain}\\nRUN echo the-last-words && exit 7\\n' > .devcontainer/Dockerfile`)
  await product.cli(['rebuild', 'broken'], { withinMs: UP_MS })
  await card(page).getByText('returned a non-zero code: 7').waitFor()
  expect(await run('cat ~/devcontainer-build.log')).toContain('the-last-words')
  await page.goto(world.at(broken, 'status'))
  await page.locator('.status').getByRole('region', { name: 'Recovery' }).getByText('~/devcontainer-build.log').waitFor()
  await run(`sed -i '/exit 7/d' .devcontainer/Dockerfile`)
  await product.cli(['rebuild', 'broken'], { withinMs: UP_MS })
  await page.locator('.status').getByRole('region', { name: 'Recovery' }).waitFor({ state: 'detached' })
  expect(await world.workspace(broken.id)).toMatchObject({ phase: 'running', recovery: null })
  expect(await imageOf(broken)).toStartWith('berth/devcontainer:')
}, 4 * UP_MS)
