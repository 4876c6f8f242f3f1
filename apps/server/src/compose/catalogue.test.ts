import { afterEach, expect, it } from 'bun:test'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { AgentRequest } from '@berth/toolbox'
import { AGENT_PROGRAMS } from '@berth/wire/agents'
import { createCatalogue } from './catalogue.ts'

const cleanups: (() => void)[] = []
afterEach(() => { for (const cleanup of cleanups.splice(0)) cleanup() })

/** The toolbox puts what is asked for below a directory, when it is let. */
function open(fetch: () => Promise<void> = async () => {}) {
  const root = mkdtempSync(join(tmpdir(), 'berth-catalogue-'))
  cleanups.push(() => rmSync(root, { recursive: true, force: true }))
  const agentsDir = join(root, 'agents')
  const asked: AgentRequest[] = []
  const make = () => createCatalogue({
    agentsDir, file: join(root, 'agents.json'), log: () => {}, latest: async (agent) => (agent === 'codex' ? '9.9.9' : null),
    toolbox: {
      ensureDaemon: () => Promise.reject(new Error('not asked for here')),
      async ensureAgent(request) {
        asked.push(request)
        request.onProgress?.('half of it')
        await fetch()
        mkdirSync(join(agentsDir, `${request.agent}-${request.version ?? AGENT_PROGRAMS[request.agent].version}`), { recursive: true })
        return ''
      },
    },
  })
  const catalogue = make()
  const codex = async (of = catalogue, latest = false) => (await of.list({ latest })).find(({ name }) => name === 'codex')
  return { catalogue, codex, asked, make }
}
const over = async (codex: () => Promise<{ fetching: unknown } | undefined>) => { while ((await codex())?.fetching !== null) await Bun.sleep(5) }
const pinned = AGENT_PROGRAMS.codex.version

it('shows what is here, and how far a fetch is', async () => {
  const gate = Promise.withResolvers<void>()
  const { catalogue, codex } = open(() => gate.promise)
  expect(await codex()).toEqual({ name: 'codex', pinned, used: pinned, installed: [], latest: null, fetching: null, failed: null })
  expect(await catalogue.install('codex', { version: undefined, use: false })).toMatchObject({ fetching: { version: pinned } })
  expect((await codex())?.fetching).toEqual({ version: pinned, detail: 'half of it' })
  gate.resolve()
  await over(codex)
  expect(await codex(catalogue, true)).toMatchObject({ installed: [pinned], used: pinned, latest: '9.9.9' })
})

it('uses another version from when it is here on, and after a restart; the pinned one is gone back to', async () => {
  const { catalogue, codex, asked, make } = open()
  await catalogue.install('codex', { version: '9.9.9', use: true })
  await over(codex)
  expect([catalogue.chosen('codex'), make().chosen('codex')]).toEqual(['9.9.9', '9.9.9'])
  await make().ensureAgent({ agent: 'codex' }, AbortSignal.timeout(1000))
  expect(asked.at(-1)?.version).toBe('9.9.9')
  await catalogue.install('codex', { version: pinned, use: true })
  await over(codex)
  expect([catalogue.chosen('codex'), make().chosen('codex'), (await codex())?.installed]).toEqual([null, null, [pinned, '9.9.9']])
})

it('a fetch that comes to nothing chooses nothing, and says why', async () => {
  const { catalogue, codex } = open(() => Promise.reject(new Error('there is no such version')))
  await catalogue.install('codex', { version: '9.9.9', use: true })
  await over(codex)
  expect(await codex()).toMatchObject({ used: pinned, failed: 'there is no such version', installed: [] })
})
