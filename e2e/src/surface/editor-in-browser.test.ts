/**
 * Large programs through a preview: a real VS Code server (code-server, from npm, its native parts built here) in which a
 * file is opened, changed and saved, and Next's dev server, whose page changes while it is looked at.
 */
import { afterAll, beforeAll, test as plainTest } from 'bun:test'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BrowserContext } from 'playwright-core'
import { CHROMIUM } from '../page/world.ts'
import { eventually } from '../product.ts'
import { PACKAGES_FILE, run, withPackages } from './npm-kept.ts'
import { startPreviewWorld, type PreviewWorld } from './preview-world.ts'

const CODE_SERVER = ['code-server@4.100.3']
const NEXT = ['next@16.4.6', 'react@19.3.1', 'react-dom@19.3.1']
const NODE_GYP = '/usr/lib/node_modules/npm/node_modules/node-gyp/bin/node-gyp.js'
/** Of its native parts those that it does not start without; headers of Node stand where Debian has them. */
const BUILT = ['node-pty', '@vscode/spdlog', 'native-watchdog']
const ARGON = ['--module=lib/binding/napi-v3/argon2.node', '--module_name=argon2', '--napi_version=9', '--napi_build_version=3']

const canBuild = existsSync(NODE_GYP) && existsSync('/usr/include/node') && Bun.which('g++') !== null
const test = CHROMIUM === null ? plainTest.skip : plainTest
if (!canBuild) console.warn('no VS Code server is tried: its native parts need g++, node-gyp and the headers of Node')

let world: PreviewWorld
let person: BrowserContext
let dir = ''

async function buildCodeServer(aside: string): Promise<void> {
  const vscode = join(aside, 'node_modules/code-server/lib/vscode')
  const npm = ['npm', 'install', '--omit=dev', '--no-audit', '--no-fund', '--ignore-scripts']
  await run(npm, vscode)
  await run(npm, join(vscode, 'extensions'))
  const build = (at: string, ...more: string[]): Promise<void> => run(['node', NODE_GYP, 'rebuild', '--nodedir=/usr', ...more], at)
  for (const name of BUILT) await build(join(vscode, 'node_modules', name))
  const argon = join(aside, 'node_modules/argon2')
  await build(argon, ...ARGON, `--module_path=${join(argon, 'lib/binding/napi-v3')}`)
}

beforeAll(async () => {
  if (CHROMIUM === null) return
  dir = mkdtempSync(join(tmpdir(), 'berth-editor-'))
  for (const name of ['code', 'next/app']) mkdirSync(join(dir, name), { recursive: true })
  writeFileSync(join(dir, 'code/notes.txt'), 'first line\n')
  if (canBuild) await withPackages(join(dir, 'code'), CODE_SERVER, buildCodeServer)
  writeFileSync(join(dir, 'next/package.json'), '{"name":"shown","private":true}')
  writeFileSync(join(dir, 'next/next.config.mjs'), 'export default { devIndicators: false }\n')
  writeFileSync(join(dir, 'next/app/layout.js'), 'export default function Layout({ children }) { return <html><body>{children}</body></html> }\n')
  writeFileSync(join(dir, 'next/app/page.js'), "import { Said } from './said'\nexport default function Page() { return <main><h1>Next here</h1><Said /></main> }\n")
  writeFileSync(join(dir, 'next/app/said.js'), SAID('first words'))
  await withPackages(join(dir, 'next'), NEXT)
  world = await startPreviewWorld()
}, 900_000)
afterAll(async () => {
  await world?.close()
  if (dir !== '') rmSync(dir, { recursive: true, force: true })
}, 120_000)

/** Counts what is pressed: what a reload would forget. */
const SAID = (words: string): string => `'use client'\nimport { useState } from 'react'\nexport function Said() { const [count, press] = useState(0); return <button onClick={() => press(count + 1)}>${words}, {count}</button> }\n`
const unpacked = (command: string): string => `dev=[ -d node_modules ] || tar xf ${PACKAGES_FILE}; exec ${command}`

test('Next: a component is edited in the workspace and the page changes without losing its state', async () => {
  await world.up('next', join(dir, 'next'), '--service', unpacked('node node_modules/next/dist/bin/next dev --port 3000'))
  await world.listening('next', 3000)
  person = await world.signedIn()
  const page = await world.visit(person, world.origin('next', 3000))
  await page.getByRole('button', { name: 'first words, 0' }).waitFor({ timeout: 60_000 })
  // Pressed until the script has taken over.
  await eventually(async () => {
    await page.getByRole('button').click()
    return (await page.getByRole('button').textContent()) !== 'first words, 0'
  }, 'a press that counts')
  const count = /\d+/.exec((await page.getByRole('button').textContent()) ?? '')?.[0] ?? ''
  await world.product.cli(['run', 'next', '--', 'sh', '-c', `sed -i 's/first words/second words/' app/said.js`])
  await page.getByRole('button', { name: `second words, ${count}` }).waitFor({ timeout: 60_000 })
  await page.close()
}, 240_000)

plainTest.skipIf(CHROMIUM === null || !canBuild)('VS Code: a file is opened, changed and saved, and a terminal of it works', async () => {
  const command = 'env HOME=/tmp/editor node node_modules/code-server/out/node/entry.js --auth none --bind-addr 127.0.0.1:8080 --disable-telemetry --disable-update-check --disable-workspace-trust'
  await world.up('code', join(dir, 'code'), '--service', unpacked(command))
  await world.listening('code', 8080)
  person ??= await world.signedIn()
  const page = await world.visit(person, `${world.origin('code', 8080)}/?folder=/workspace`)
  await page.locator('.monaco-workbench').waitFor({ timeout: 90_000 })
  const file = page.locator('.explorer-folders-view').getByText('notes.txt')
  await file.waitFor({ timeout: 60_000 })
  await file.dblclick()
  const lines = page.locator('.editor-instance .view-lines')
  await lines.getByText('first line').click()
  await page.keyboard.press('Control+End')
  await page.keyboard.type('written in a browser')
  await page.keyboard.press('Control+s')
  const inWorkspace = async (path: string): Promise<string> => (await world.product.cli(['run', 'code', '--', 'sh', '-c', `cat ${path} 2>/dev/null || true`])).stdout
  await eventually(async () => (await inWorkspace('notes.txt')) === 'first line\nwritten in a browser', 'the saved file')
  // What changes beside it is seen, once the editor watches: it says to nobody when that is.
  await eventually(async () => {
    await world.product.cli(['run', 'code', '--', 'sh', '-c', 'echo "from the agent" > notes.txt'])
    return await lines.getByText('from the agent').isVisible()
  }, 'what the agent wrote')
  await page.keyboard.press('Control+Backquote')
  await page.locator('.terminal-wrapper.active .xterm').waitFor()
  await page.keyboard.type('echo typed > from-terminal\n')
  await eventually(async () => (await inWorkspace('from-terminal')) === 'typed\n', 'what the terminal did')
  if (process.env['BERTH_SCREENSHOT']) await page.screenshot({ path: process.env['BERTH_SCREENSHOT'] })
  await page.close()
}, 300_000)
