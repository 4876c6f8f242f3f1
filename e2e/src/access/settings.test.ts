/** People, passkeys, devices and the record on the page: what is shown, on every width, and that it can be used by all. */
import { afterAll, beforeAll, expect } from 'bun:test'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createClient, type Client } from '@berth/client'
import { serve, type Server } from '@berth/server'
import { openTestDatabase, type TestDatabase } from '@berth/store/testing'
import { createFakeProvider } from '@berth/testkit'
import { chromium, type Browser } from 'playwright-core'
import { CHROMIUM, DESK, PHONE, QUIET, signIn, TABLET, test } from '../page/world.ts'

let home: string
let database: TestDatabase
let server: Server
let client: Client
let browser: Browser
const SHOTS = process.env['BERTH_SHOTS']

beforeAll(async () => {
  if (CHROMIUM === null) return
  home = mkdtempSync(join(tmpdir(), 'berth-people-'))
  database = await openTestDatabase()
  server = await serve({
    home, port: 0, databaseUrl: database.url, providers: () => [createFakeProvider({ clock: { now: () => Date.now() } })],
    toolbox: { ensureDaemon: async () => ({ hostDir: '/opt/berth', hash: 'test' }), ensureAgent: async () => '/opt/berth/agents/claude' },
  })
  client = createClient({ url: server.url, token: server.token })
  browser = await chromium.launch({ executablePath: CHROMIUM, args: [...QUIET] })
}, 90_000)
afterAll(async () => {
  await browser?.close()
  await server?.stop()
  await database?.close()
  if (home) rmSync(home, { recursive: true, force: true })
}, 60_000)

test('people, invitations and the record are seen and changed in the settings, and axe finds nothing', async () => {
  const axe = readFileSync(Bun.resolveSync('axe-core/axe.min.js', import.meta.dir), 'utf8')
  const token = new URL((await client.invite({ role: 'viewer', note: 'Ada' })).url).searchParams.get('token') ?? ''
  await database.store.people.join(token, { name: 'Ada Lovelace' }, Date.now())
  for (const [name, size] of [['phone', PHONE], ['tablet', TABLET], ['desk', DESK]] as const) {
    for (const colorScheme of ['light', 'dark'] as const) {
      // The page's own policy would not let the checker in.
      const context = await browser.newContext({ ...size, colorScheme, reducedMotion: 'reduce', bypassCSP: true })
      try {
        const page = await context.newPage()
        page.setDefaultTimeout(15_000)
        await signIn(page, (await client.createSignInLink({})).url)
        await page.goto(`${server.pageUrl}/settings`)
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
        await page.evaluate(axe)
        const found = await page.evaluate(async () => ((await (globalThis as unknown as { axe: { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> } }).axe.run()).violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html ?? ''}`)))
        expect([name, colorScheme, found]).toEqual([name, colorScheme, []])
      } finally {
        await context.close()
      }
    }
  }
}, 120_000)
