/** A deleted workspace's page may have left a worker in the browser: it does not answer for who takes its name. */
import { afterAll, beforeAll } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CHROMIUM, test } from '../page/world.ts'
import { eventually } from '../product.ts'
import { startPreviewWorld, type PreviewWorld } from './preview-world.ts'

const PORT = 3000
/** Answers all that is navigated to, and lets nobody else's answer in. */
const WORKER = `addEventListener('install', () => skipWaiting())
addEventListener('activate', (event) => event.waitUntil(clients.claim()))
addEventListener('fetch', (event) => { if (event.request.mode === 'navigate') event.respondWith(new Response('<p>the old worker</p>', { headers: { 'content-type': 'text/html' } })) })`
const SERVE = `dev=exec python3 -m http.server ${PORT} --bind 127.0.0.1`

let world: PreviewWorld
let scratch = ''
function code(files: Record<string, string>): string {
  const dir = mkdtempSync(join(scratch, 'code-'))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text)
  return dir
}
beforeAll(async () => {
  if (CHROMIUM === null) return
  scratch = mkdtempSync(join(tmpdir(), 'berth-left-'))
  world = await startPreviewWorld()
}, 240_000)
afterAll(async () => {
  await world?.close()
  if (scratch !== '') rmSync(scratch, { recursive: true, force: true })
}, 120_000)

test('a service worker of a deleted workspace goes when another one is visited under its name', async () => {
  await world.up('taken', code({ 'index.html': '<p>the first code</p><script>navigator.serviceWorker.register("/worker.js")</script>', 'worker.js': WORKER }), '--service', SERVE)
  await world.listening('taken', PORT)
  const context = await world.signedIn()
  const page = await world.visit(context, world.origin('taken', PORT))
  const said = async (): Promise<string> => {
    await page.goto(world.origin('taken', PORT))
    return (await page.locator('p').first().textContent()) ?? ''
  }
  await eventually(async () => await said() === 'the old worker', 'the worker answers')
  await world.product.cli(['delete', 'taken', '-y'])
  await world.up('taken', code({ 'index.html': '<p>the second code</p>' }), '--service', SERVE)
  await world.listening('taken', PORT)
  // It may still answer: what ends it is what the browser hears when it asks for the worker's program again. It does when it
  // was left in peace for a second: visits that follow one another sooner put it off.
  const visitedAgain = async (): Promise<string> => {
    await Bun.sleep(3000)
    return await said()
  }
  await eventually(async () => await visitedAgain() === 'the second code', 'the code that is there')
  await eventually(async () => await page.evaluate(async () => (await navigator.serviceWorker.getRegistrations()).length) === 0, 'no worker left')
  await context.close()
}, 240_000)
