/**
 * A hostile agent takes all that it can read in its workspace, and all that answers it: no secret is in it, in any form.
 * Where a person put one in, the same search finds it.
 */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { randomBytes } from 'node:crypto'
import { lstatSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { join, relative } from 'node:path'
import type { Workspace } from '@berth/wire'
import { TOKEN_FILE } from '@berth/wire/server-file'
import { formsOf } from '../secret-forms.ts'
import { serversIn, tell } from './hunt.ts'
import { startCanaryWorld, type CanaryWorld } from './world.ts'

const UP_MS = 300_000
let world: CanaryWorld
let inLocal: Workspace

beforeAll(async () => {
  world = await startCanaryWorld()
  inLocal = await world.up('demo', ['--provider', 'local'])
  expect(inLocal.exposures).toEqual([])
}, UP_MS)
afterAll(() => world?.close(), 120_000)

/** Of these directories, those of workspaces and their toolbox left out: a hostile agent's own hunt goes through the former. */
function filesBelow(dirs: readonly string[]): string[] {
  return [...new Set(dirs.flatMap((dir) => readdirSync(dir, { recursive: true, encoding: 'utf8' }).map((name) => join(dir, name))))].filter((path) => {
    const state = lstatSync(path, { throwIfNoEntry: false })
    return state?.isFile() === true && state.size < 64 * 1024 * 1024 && !/\/workspaces\/ws_[^/]+\/(?!logs)/.test(path)
  })
}

const linkTokenOf = ({ id }: Workspace): string => (JSON.parse(readFileSync(join(world.at.product.home, 'workspaces', id, 'machine-g1/state/link-token.json'), 'utf8')) as { linkToken: string }).linkToken

test('in a sandbox of this host the agent comes to no secret', async () => {
  const { finds, places, bytes } = await world.hunt('demo', { secrets: { 'link token': linkTokenOf(inLocal) } })
  expect(tell(finds)).toBe('nothing')
  // It did get at what is its own: its program's memory, its files, the gateways' answers.
  for (const own of [/^memory \d+ sleep/, /^file \/workspace\/README\.md/, /^gateway model POST \/v1\/messages \(200\)/, /^gateway git GET northquay\/ledger\.git\/info\/refs\?service=git-upload-pack \(200\)/]) expect(places.filter((place) => own.test(place))).not.toEqual([])
  expect(bytes).toBeGreaterThan(100_000)
  // It was told no by the way out, and reached nothing by it or beside it.
  expect(places.filter((place) => /^network proxied 127\.0\.0\.1:.* \(403\)$/.test(place))).not.toEqual([])
  expect(serversIn(places)).toEqual([])
}, UP_MS)

test('the database holds no secret that can be read, and no log says one', async () => {
  const { home } = world.at.product
  // These are what opens the rest, and what the CLI signs in with: readable for the server's user alone.
  const keys = new Set(['master.key', TOKEN_FILE])
  const taken = filesBelow([home, realpathSync(join(home, 'postgres'))]).filter((path) => !keys.has(relative(home, path)))
  expect([...keys].map((name) => statSync(join(home, name)).mode & 0o077)).toEqual([0, 0])
  const text = taken.map((path) => ({ path, bytes: readFileSync(path) }))
  const holds = (word: string): string[] => text.flatMap(({ path, bytes }) => (bytes.includes(word) ? [relative(home, path)] : []))
  // It reads the database and the logs: what is no secret is there.
  expect(holds('northquay/ledger').some((path) => /postgres.*\/(base|pg_wal)\//.test(path))).toBe(true)
  expect(holds('https://gitlab.example.org').length).toBeGreaterThan(0)
  expect(text.some(({ path, bytes }) => path.endsWith('.log') && bytes.length > 0)).toBe(true)
  const secrets = Object.entries(world.secrets()).filter(([name]) => name !== 'variable of the person')
  const found = secrets.flatMap(([name, secret]) => formsOf(secret).flatMap((form) => holds(form).map((path) => `${name} in ${path}`)))
  expect(found).toEqual([])
}, UP_MS)

test('where a person puts a token in, the same search finds it', async () => {
  const token = `ghp_${randomBytes(24).toString('base64url')}`
  const { exposures } = await world.up('control', ['--provider', 'local', '--env', `GITHUB_TOKEN=${token}`])
  expect(exposures).toContainEqual(expect.objectContaining({ name: 'GITHUB_TOKEN' }))
  const { finds } = await world.hunt('control', { secrets: { plain: token } })
  expect(finds.filter(({ name }) => name !== 'plain')).toEqual([])
  expect(finds.some(({ from }) => /^environment \d+ sleep$/.test(from))).toBe(true)
  // Its neighbour, which is there all the while, has nothing of it.
  expect(tell((await world.hunt('demo', { secrets: { plain: token } })).finds)).toBe('nothing')
}, UP_MS)
