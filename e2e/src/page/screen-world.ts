/**
 * A harbour with a ship in every state, so that every screen has something to show: real Claude Code on the scripted
 * model, real repositories, and one server that never sends the code it promised.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Scenario, ScenarioContext } from '@berth/testkit/scripted-model'
import type { Workspace } from '@berth/wire'
import { eventually } from '../product.ts'
import { modelWords } from '../providers.ts'
import { git } from '../repository.ts'
import { forecast, shop, startArrivals, UNBUILDABLE } from './screen-arrivals.ts'
import { startWorld, type World } from './world.ts'

export const SHIPS = ['done', 'asks', 'question', 'plan', 'stack', 'works', 'asleep', 'failed', 'starting', 'idle', 'unsigned', 'tool', 'tells', 'recovers', 'edits'] as const
export type Ship = (typeof SHIPS)[number]
export interface ScreenWorld extends Omit<World, 'at'> {
  readonly ships: Partial<Record<Ship, Workspace>>
  /** The path of a ship's room; throws for one that was not asked for. */
  at(ship: Ship, room?: string): string
}

const TURN_MS = 120_000
const inside = ({ cwd }: ScenarioContext, name: string): string => (cwd === null ? name : `${cwd}/${name}`)

const SUM = `import { round } from '../money'
import { net, type Line } from './line'

/** Lines as they come from the form: without what was left empty. */
export function filled(lines: Line[]) {
  return lines.filter((line) => line.amount !== 0)
}

/** What an invoice comes to, in cents. */
export function invoiceTotal(lines: Line[]) {
  return lines.reduce((sum, line) =>
    sum + round(net(line)), 0)
}

/** How many things were sold. */
export function count(lines: Line[]) {
  return lines.reduce((sum, { amount }) => sum + amount, 0)
}

export function discounted(lines: Line[]) {
  return lines.filter((line) => line.discount > 0)
}

export const formatTotal = (cents: number) =>
  (cents / 100).toFixed(2)
`
/** The tests of this house: green once the discounts are split. */
const TESTS = `#!/bin/sh
test -e src/totals/discount.ts && { printf ' Tests  49 passed (49)\\n'; exit; }
printf '✕ discount.test.ts  10 %% over 3 lines\\n  expected 3334, got 3333\\n\\n Tests  2 failed | 47 passed (49)\\n'
exit 1
`
const INGEST = `#!/bin/sh
(python3 -m http.server 5173 >/dev/null 2>&1 &)
for part in api export; do printf '✓ src/%s  112 tests\\n' $part; done
printf '  src/webhooks  24 of 61 …\\n'
sleep 1500
`
const LEDGER: Readonly<Record<string, string>> = {
  'README.md': '# ledger\n\nInvoices that add up.\n',
  'package.json': '{\n  "name": "ledger",\n  "scripts": { "test": "vitest run" }\n}\n',
  'docs/rounding.md': '# Rounding\n\nCents are rounded once, at the total.\n',
  'src/money.ts': 'export const round = (value: number) => Math.round(value)\n\nexport function roundHalfEven(value: number) {\n  const down = Math.floor(value)\n  return value - down === 0.5 && down % 2 === 0 ? down : Math.round(value)\n}\n',
  'src/totals/line.ts': 'export interface Line { price: number; amount: number; discount: number }\n\nexport const net = ({ price, amount, discount }: Line) =>\n  price * amount * (1 - discount)\n',
  'src/totals/sum.ts': SUM,
  'run-tests': TESTS,
  'run-all': INGEST,
}
const DISCOUNT = `/** Splits a total so that the parts add up to it again. */
export function split(total: number, parts: number) {
  const share = Math.floor(total / parts)
  const left = total - share * parts
  // The first lines carry the odd cents.
  return Array.from({ length: parts }, (_, at) => share + (at < left ? 1 : 0))
}
`
const task = (subject: string) => ({ tool: 'TaskCreate', input: { subject, description: subject, activeForm: subject } })
const taskIs = (taskId: string, status: string) => ({ tool: 'TaskUpdate', input: { taskId, status } })
const invoice: Scenario = (context) => [
  [{ text: 'Each line is rounded before the sum. I’ll keep lines in **integer cents** and round once, at the total.' }, ...['src/money.ts', 'src/totals/line.ts', 'src/totals/sum.ts'].map((file) => ({ tool: 'Read', input: { file_path: inside(context, file) } }))],
  [{ tool: 'edit', input: { path: inside(context, 'src/totals/sum.ts'), old: '  return lines.reduce((sum, line) =>\n    sum + round(net(line)), 0)', new: '  // Round once: a cent per line is a euro per hundred lines.\n  const exact = lines.reduce((sum, line) => sum + net(line), 0)\n  return roundHalfEven(exact)' } }],
  [{ tool: 'edit', input: { path: inside(context, 'src/totals/sum.ts'), old: "import { round } from '../money'", new: "import { money, roundHalfEven } from '../money'" } }],
  [{ tool: 'edit', input: { path: inside(context, 'src/totals/sum.ts'), old: '  (cents / 100).toFixed(2)', new: '  money.format(cents / 100)' } }],
  [{ tool: 'bash', input: { command: './run-tests src/totals' } }],
  [{ tool: 'write', input: { path: inside(context, 'src/totals/discount.ts'), content: DISCOUNT } }],
  [{ tool: 'bash', input: { command: './run-tests src/totals' } }],
  [{ text: 'Totals now round once, at the end' }],
]
const ingest: Scenario = (context) => [
  [{ text: 'A list first.' }, { tool: 'ToolSearch', input: { query: 'select:TaskCreate,TaskUpdate' } }],
  [task('Read what the ingest writes'), task('Run everything on Postgres 17'), task('Drop the old driver')],
  [taskIs('1', 'completed'), taskIs('2', 'in_progress')],
  [{ text: 'The driver is the only thing that has to change.' }, { tool: 'write', input: { path: inside(context, 'src/driver.ts'), content: "export const driver = 'postgres-17'\n" } }],
  [{ tool: 'bash', input: { command: './run-all', timeout: 600_000 } }],
  [{ text: 'Everything runs.' }],
]
const force: Scenario = () => [
  [{ text: 'Squashed the three work-in-progress commits. The branch on origin still has the old ones.' }, { tool: 'bash', input: { command: 'git push --force-with-lease origin retry-backoff' } }],
  [{ text: 'Pushed.' }],
]
const stack: Scenario = () => [
  [{ text: 'I look at how the others do it.' }, { tool: 'Read', input: { file_path: '/etc/hosts' } }, { tool: 'Read', input: { file_path: '/etc/hostname' } }, { tool: 'WebFetch', input: { url: 'https://day.js.org/docs', prompt: 'Which formats are there?' } }],
  [{ text: 'Seen.' }],
]
/** Of a file that only asks when it is changed: it was read before. */
const amend: Scenario = (context) => [
  [{ text: 'Half a cent goes up today, whatever stands before it.' }, { tool: 'Read', input: { file_path: inside(context, 'src/totals/line.ts') } }],
  [{ tool: 'edit', input: { path: inside(context, 'src/totals/line.ts'), old: 'export const net = ({ price, amount, discount }: Line) =>\n  price * amount * (1 - discount)\n', new: '/** In cents, not rounded: a sum rounds once. */\nexport function net({ price, amount, discount }: Line): number {\n  const whole = price * amount\n  return whole - whole * Math.min(Math.max(discount, 0), 1)\n}\n' } }],
  [{ text: 'Kept exact.' }],
]
const keep: Scenario = () => [
  [{ text: 'The old endpoint has two callers left.' }, { tool: 'question', input: { questions: [{ question: 'Keep /v1/orders for how long?', header: 'Keep', multiSelect: false, options: [{ label: '90 days', description: 'two releases' }, { label: '180 days', description: 'what the contract says' }] }] } }],
  [{ text: 'Noted.' }],
]
const bump: Scenario = ({ told }) => [
  [{ text: 'I have read the configuration and both plugins.' }, { tool: 'write', input: { path: told(/(\/[^\s"'`]+\/plans\/[\w-]+\.md)/) ?? 'plan.md', content: '1. Move the config to `vite.config.ts`\n2. Replace the two plugins that are gone: `legacy` by the built-in target, `svgr` by plain imports\n3. Run the build and compare sizes' } }],
  [{ tool: 'plan', input: {} }],
  [{ text: 'Done.' }],
]

/** `plays`: the scenario, which stands where agents look for their instructions and people do not. */
interface Cargo { readonly name: string; readonly place: string; readonly prompt?: string; /** Nobody gives it a login. */ readonly unsigned?: true; /** `local`, unless it is something only the engine can make. */ readonly where?: 'local' | 'docker'; readonly files?: Readonly<Record<string, string>>; readonly plays?: string; readonly words?: readonly string[] }
/** `plain` ones need no agent, so they cost little. */
const CARGO: Readonly<Record<Exclude<Ship, 'failed' | 'starting' | 'tells'>, Cargo>> = {
  done: { name: 'invoice-totals', place: 'northquay/ledger', prompt: 'Invoice totals drift by a cent when a line has a discount. Find it, fix it, keep the API as it is.', plays: 'invoice', words: ['--approvals', 'skip'] },
  asks: { name: 'webhook-retries', place: 'northquay/tide-client', prompt: 'One clean commit, then open the PR.', plays: 'force' },
  question: { name: 'cursor-pagination', place: 'northquay/atlas-api', prompt: 'Deprecate the old endpoint.', plays: 'keep' },
  plan: { name: 'bump-vite', place: 'plinth/site', prompt: 'Move us to the next Vite. Plan first.', plays: 'bump', words: ['--agent', 'claude', '--command=--permission-mode plan'] },
  edits: { name: 'exact-lines', place: 'northquay/ledger', prompt: 'Keep a line exact; the total rounds.', plays: 'amend' },
  stack: { name: 'drop-moment', place: 'plinth/kelp-ui', prompt: 'Drop moment from the date picker.', plays: 'stack' },
  works: { name: 'postgres-17', place: 'saltworks/ingest', prompt: 'Move ingest to Postgres 17.', plays: 'ingest', words: ['--approvals', 'skip'] },
  asleep: { name: 'self-hosting-guide', place: 'plinth/docs', words: ['--agent', 'plain', '--command', 'cat'] },
  unsigned: { name: 'first-landing', place: 'northquay/ledger', unsigned: true },
  tool: { name: 'weather-page', place: 'plinth/site', prompt: 'Show tomorrow’s weather.', plays: 'forecast' },
  recovers: { name: 'date-picker', place: 'plinth/kelp-ui', where: 'docker', files: UNBUILDABLE },
  idle: { name: 'cache-layer', place: 'northquay/ledger', words: ['--agent', 'plain', '--command', 'cat'] },
}

/** `before` sees the harbour empty. */
export async function startScreenWorld(wanted: readonly Ship[], before: (world: World) => Promise<void> = async () => {}): Promise<ScreenWorld> {
  const top = mkdtempSync(join(tmpdir(), 'berth-screens-'))
  const silent = Bun.serve({ port: 0, hostname: '127.0.0.1', idleTimeout: 0, fetch: ({ url }) => (url.includes('/saltworks/') ? new Promise<Response>(() => {}) : new Response('', { status: 404 })) })
  const world = await startWorld({ scenarios: { invoice, ingest, force, stack, amend, keep, bump, shop, forecast }, from: join(top, 'northquay/ledger') })
  const arrivals = startArrivals(top)
  // The ports of the one that keeps the code back, and of the person's tools, are open too.
  writeFileSync(join(world.product.home, 'providers/local.yaml'), `hostPorts: [${new URL(world.model.url).port}, ${silent.port}, ${arrivals.port}]\n`)
  const ships: Partial<Record<Ship, Workspace>> = {}
  const close = async () => {
    // The last screens stopped the server, and a machine of the engine outlives it: it is awaited, with a server again.
    const { recovers } = ships
    if (recovers) {
      await world.product.cli(['delete', recovers.id, '-y'], { exit: null })
      await eventually(async () => (await world.product.json<Workspace[]>(['list'])).every(({ id }) => id !== recovers.id), 'the engine’s machine is gone', TURN_MS)
    }
    await world.close()
    await silent.stop(true)
    await arrivals.close()
    rmSync(top, { recursive: true, force: true })
  }
  const arrived = (ship: Ship) => {
    if (ship === 'tells') return arrivals.tells(world)
    if (ship === 'failed' || ship === 'starting') return upFrom(world, ship, silent.port ?? 0)
    const cargo = CARGO[ship]
    return up(world, top, ship === 'tool' ? { ...cargo, words: arrivals.words } : cargo)
  }
  try {
    await before(world)
    await Promise.all(wanted.map(async (ship) => {
      ships[ship] = await arrived(ship)
      if (ship === 'asleep') await world.product.cli(['stop', CARGO.asleep.name])
    }))
    await Promise.all((['done', 'works', 'failed', 'tells'] as const).map((ship) => settled(world, ship, ships[ship])))
    const asking = (['asks', 'question', 'plan', 'stack', 'tool', 'edits'] as const).flatMap((ship) => ships[ship]?.id ?? [])
    await eventually(async () => {
      const open = await world.approvals()
      return asking.every((id) => open.some(({ workspaceId }) => workspaceId === id))
    }, 'everybody who asks', TURN_MS)
    return {
      ...world, ships, close,
      at(ship, room) {
        const workspace = ships[ship]
        if (!workspace) throw new Error(`nobody asked for the ship "${ship}"`)
        return `/workspaces/${workspace.id}${room === undefined ? '' : `/${room}`}`
      },
    }
  } catch (error) {
    await close()
    throw error
  }
}

async function up({ product, model }: World, top: string, { name, place, prompt, plays, words = [], unsigned, where = 'local', files = LEDGER }: Cargo): Promise<Workspace> {
  // Each its own, or two would share what git locks.
  const dir = join(top, name, place)
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, path)), { recursive: true })
    writeFileSync(join(dir, path), text, { mode: path.startsWith('run-') ? 0o755 : 0o644 })
  }
  if (plays !== undefined) writeFileSync(join(dir, 'CLAUDE.md'), `Round once, at the total. [[${plays}]]\n`)
  await git(dir, 'init', '-q', '-b', 'main')
  await git(dir, 'add', '-A')
  await git(dir, 'commit', '-q', '-m', 'first')
  const talk = [...(prompt === undefined ? [] : ['--prompt', prompt]), ...((prompt === undefined && where === 'local') || unsigned ? [] : modelWords(model))]
  return product.json<Workspace>(['up', '.', '--provider', where, '--no-open', '-y', '--name', name, ...talk, ...words], { cwd: dir })
}

/** From an address that never answers, or answers that there is nothing. */
async function upFrom({ product }: World, ship: 'failed' | 'starting', port: number): Promise<Workspace> {
  const [name, place] = ship === 'starting' ? ['move-to-arrow', 'saltworks/reef'] : ['nightly-fuzz', 'plinth/attic']
  return product.json<Workspace>(['up', `http://host.docker.internal:${port}/${place}.git`, '--provider', 'local', '--agent', 'plain', '--command', 'cat', '--no-open', '-y', '--no-wait', '--name', name])
}

async function settled({ workspace }: World, ship: Ship, found: Workspace | undefined): Promise<void> {
  if (!found) return
  await eventually(async () => {
    const { agentState, phase, changes, work } = await workspace(found.id)
    if (ship === 'failed') return phase === 'failed'
    return ship === 'works' ? work?.object === './run-all' : agentState === 'idle' && (changes?.files ?? 0) > 0
  }, `${found.name} is where it should be`, TURN_MS)
}
