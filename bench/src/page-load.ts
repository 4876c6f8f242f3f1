/**
 * A session page on a slow phone with nothing in its cache: bytes, first paint, and the first tap that is answered. The
 * floor is the first paint of other self-hosted pages for agents, visited by the same browser in the same run.
 */
import type { Browser, Page } from 'playwright-core'
import { load, openBrowser, SLOWDOWN } from './browser.ts'
import type { Load } from './browser.ts'
import { openPage, startClaudeWorkspace } from './claude-workspace.ts'
import type { ClaudeWorkspace } from './claude-workspace.ts'
import { median, RUNS, rounded, spread, within } from './measure.ts'
import type { Bench, World } from './measure.ts'
import { pagePeers } from './peers/page-peers.ts'
import { signedIn } from './signed-in.ts'

const GOAL = { bytes: 50_000, firstPaintMs: 1000, tapMs: 1500, sooner: 1 / 5 }
const CALLS = 30
const TURN_MS = 120_000
/** A page that takes twenty seconds says the same in two visits. */
const PEER_RUNS = 2

export const pageLoad: Bench = {
  name: 'page-load',
  summary: 'a session page on a slow phone, against other pages for the same',
  async *run(world) {
    const browser = await openBrowser()
    try {
      const ours = await visitOurs(browser, world)
      const detail = `1.6 Mbit/s, 150 ms, ${SLOWDOWN}x slower, cold cache, 80 events drawn`
      const firstPaint = median(ours.map(({ firstPaintMs }) => firstPaintMs))
      yield { name: 'page-load-bytes', value: Math.max(...ours.map(({ bytes }) => bytes)) / 1000, unit: 'kB', floor: null, goal: { valueAtMost: GOAL.bytes / 1000 }, detail: `${ours[0]?.requests} requests until nothing comes any more, without the socket; the most of ${ours.length} visits` }
      yield { name: 'page-load-first-paint', value: firstPaint, unit: 'ms', floor: null, goal: { valueAtMost: GOAL.firstPaintMs }, detail: `${detail}; ${spread(ours.map(({ firstPaintMs }) => firstPaintMs), 'ms')}` }
      yield { name: 'page-load-tap', value: median(ours.map(({ tapMs }) => tapMs ?? Number.POSITIVE_INFINITY)), unit: 'ms', floor: null, goal: { valueAtMost: GOAL.tapMs }, detail: `until a tap opened the menu; ${spread(ours.map(({ tapMs }) => tapMs ?? 0), 'ms')}` }
      for (const peer of pagePeers) {
        const theirs = await visitPeer(browser, world, peer)
        if (theirs === null) continue
        const first = median(theirs.visits.map(({ firstPaintMs }) => firstPaintMs))
        const bytes = median(theirs.visits.map((visit) => visit.bytes))
        yield { name: `page-load-vs-${peer.name}`, value: firstPaint, unit: 'ms', floor: first, goal: { ratioAtMost: GOAL.sooner }, detail: `first paint, ours and (as the floor) that of ${peer.name} ${theirs.version}: ${rounded(first / firstPaint)}x later, with ${rounded(bytes / 1000)} kB in ${theirs.visits[0]?.requests} requests; ${spread(theirs.visits.map(({ firstPaintMs }) => firstPaintMs), 'ms')}` }
      }
    } finally {
      await browser.close()
    }
  },
}

async function visitOurs(browser: Browser, { signal, note }: World): Promise<Load[]> {
  const step = (at: number) => [{ text: `Step ${at}: looking at what module ${at} does before it is changed, because its callers are many.` }, { tool: 'bash' as const, input: { command: `printf 'module ${at}: %s lines\\n' ${at * 37}; seq 1 ${at}` } }]
  const workspace = await startClaudeWorkspace({ many: () => [...Array.from({ length: CALLS }, (_, at) => step(at + 1)), [{ text: 'All modules were looked at.' }]] }, ['--approvals', 'skip'])
  try {
    await turn(workspace)
    note('the session is there')
    const storage = await signedIn(browser, workspace.product)
    const visits: Load[] = []
    // The first only warms the server.
    for (let run = 0; run <= RUNS; run++) {
      signal.throwIfAborted()
      const visit = await load(browser, { url: `${workspace.product.server().url}/workspaces/${workspace.id}`, storage, tap: tapActions })
      if (run > 0) visits.push(visit)
    }
    return visits
  } finally {
    await workspace.close()
  }
}

async function turn({ product, id }: ClaudeWorkspace): Promise<void> {
  const over = Promise.withResolvers<void>()
  let said = false
  const page = await openPage(product, id, (message) => {
    if (message.type !== 'events') return
    for (const { body } of message.events) {
      if (body['text'] === 'All modules were looked at.') said = true
      if (said && body.type === 'turn.ended') over.resolve()
    }
  })
  try {
    await product.client().sendMessage({ id, text: 'please [[many]]' })
    await within(TURN_MS, 'the end of the turn', over.promise)
  } finally {
    page.close()
  }
}

/** A person's finger: on the button where it is, whether or not anything listens yet. */
async function tapActions(page: Page): Promise<boolean> {
  const at = await page.evaluate(() => {
    const box = document.querySelector('[aria-label="Actions"]')?.getBoundingClientRect()
    return box === undefined || box.width === 0 ? null : { x: box.x + box.width / 2, y: box.y + box.height / 2 }
  })
  if (at === null) return false
  await page.touchscreen.tap(at.x, at.y)
  return page.evaluate(() => document.querySelector('dialog[open]') !== null)
}

async function visitPeer(browser: Browser, { signal, note }: World, peer: (typeof pagePeers)[number]): Promise<{ version: string; visits: Load[] } | null> {
  try {
    const running = await peer.start(signal)
    try {
      const visits: Load[] = []
      for (let run = 0; run < PEER_RUNS; run++) {
        signal.throwIfAborted()
        visits.push(await load(browser, { url: running.url, storage: running.storage }))
      }
      return { version: running.version, visits }
    } finally {
      await running.close()
    }
  } catch (error) {
    // Ours is measured all the same; who cannot run here is said, not hidden.
    signal.throwIfAborted()
    note(`${peer.name} cannot be visited here: ${error instanceof Error ? error.message : String(error)}`)
    return null
  }
}
