/** People, passkeys, devices and the record on the page: what is shown, on every width, and that it can be used by all. */
import { afterAll, beforeAll, expect } from 'bun:test'
import { join } from 'node:path'
import { startMachineless, type Machineless } from '../page/machineless.ts'
import { allAxeProblems } from '../page/screen-checks.ts'
import { CHROMIUM, DESK, PHONE, TABLET, test } from '../page/world.ts'

let world: Machineless
const SHOTS = process.env['BERTH_SHOTS']

beforeAll(async () => {
  if (CHROMIUM !== null) world = await startMachineless()
}, 90_000)
afterAll(() => world?.close(), 60_000)

test('people, invitations and the record are seen and changed in the settings, and axe finds nothing', async () => {
  const { client, database } = world
  const token = new URL((await client.invite({ role: 'viewer', note: 'Ada' })).url).searchParams.get('token') ?? ''
  await database.store.people.join(token, { name: 'Ada Lovelace' }, Date.now())
  for (const [name, size] of [['phone', PHONE], ['tablet', TABLET], ['desk', DESK]] as const) {
    for (const colorScheme of ['light', 'dark'] as const) {
      const page = await world.open('/settings', { ...size, colorScheme })
      try {
        await page.getByText('Ada Lovelace').waitFor()
        await page.getByRole('button', { name: 'Show', exact: true }).click()
        await page.getByText('Every record is as it was written.').waitFor()
        if (name === 'phone' && colorScheme === 'light') {
          await page.getByRole('combobox', { name: 'Role of Ada Lovelace' }).selectOption('member')
          await page.getByRole('textbox', { name: 'For whom' }).fill('Grace')
          await page.getByRole('button', { name: 'Invite' }).click()
          await page.getByText('Invitation for Grace').waitFor()
          expect((await client.listPeople()).find((person) => person.name === 'Ada Lovelace')?.role).toBe('member')
        }
        if (SHOTS !== undefined) {
          await page.getByRole('heading', { name: /^People of/ }).scrollIntoViewIfNeeded()
          await page.screenshot({ path: join(SHOTS, `settings-${name}-${colorScheme}.png`) })
        }
        const found = await allAxeProblems(page)
        expect([name, colorScheme, found]).toEqual([name, colorScheme, []])
      } finally {
        await page.context().close()
      }
    }
  }
}, 120_000)
