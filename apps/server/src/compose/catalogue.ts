/**
 * The agents' programs as people see and choose them, over the toolbox that fetches them. Which version agents run that
 * start from now on stands in a file of the home; without a choice it is the one that this release was tried with.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import type { AgentName, Toolbox } from '@berth/toolbox'
import { AGENT_PROGRAMS } from '@berth/wire/agents'
import type { CatalogueEntry } from '@berth/wire/catalogue'
import { z } from 'zod'
import { messageOf } from '../thrown.ts'

type Tools = Pick<Toolbox, 'ensureDaemon' | 'ensureAgent'>
export interface Catalogue extends Tools {
  /** Null: the pinned one. */
  chosen(agent: AgentName): string | null
  list(options: { latest: boolean }): Promise<CatalogueEntry[]>
  /** Returns at once. */
  install(agent: AgentName, options: { version: string | undefined; use: boolean }): Promise<CatalogueEntry>
}
export interface CatalogueDeps {
  readonly toolbox: Tools
  readonly agentsDir: string
  readonly file: string
  /** The newest version that is published; null: nobody says. */
  readonly latest: (agent: AgentName, signal: AbortSignal) => Promise<string | null>
  readonly log: (line: string) => void
}

const FETCH_WITHIN_MS = 15 * 60_000
const ASK_WITHIN_MS = 15_000
const DETAIL_LIMIT = 160
const Choices = z.record(z.string(), z.string()).catch({})

export function createCatalogue({ toolbox, agentsDir, file, latest, log }: CatalogueDeps): Catalogue {
  const names = Object.keys(AGENT_PROGRAMS) as AgentName[]
  const choices = new Map(Object.entries(Choices.parse(readJson(file))))
  const flights = new Map<AgentName, { version: string; detail: string }>()
  const failures = new Map<AgentName, string>()
  const chosen = (agent: AgentName): string | null => choices.get(agent) ?? null
  const pinned = (agent: AgentName): string => AGENT_PROGRAMS[agent].version

  const use = (agent: AgentName, version: string): void => {
    if (version === pinned(agent)) choices.delete(agent)
    else choices.set(agent, version)
    writeFileSync(`${file}.new`, JSON.stringify(Object.fromEntries(choices)), { mode: 0o600 })
    renameSync(`${file}.new`, file)
  }
  const entry = (name: AgentName, { there, newest }: { there: readonly string[]; newest: string | null }): CatalogueEntry => ({
    name, pinned: pinned(name), used: chosen(name) ?? pinned(name), latest: newest, fetching: flights.get(name) ?? null, failed: failures.get(name) ?? null,
    installed: there.filter((dir) => dir.startsWith(`${name}-`)).map((dir) => dir.slice(name.length + 1)).filter((version) => /^\d+\.\d+\.\d+$/.test(version)).sort(Bun.semver.order),
  })
  const installed = (): Promise<string[]> => readdir(agentsDir).catch(() => [])
  const run = async (agent: AgentName, version: string, afterwards: () => void): Promise<void> => {
    const flight = { version, detail: `fetching ${agent} ${version}` }
    flights.set(agent, flight)
    failures.delete(agent)
    try {
      await toolbox.ensureAgent({ agent, version, onProgress: (line) => { flight.detail = line.slice(0, DETAIL_LIMIT) } }, AbortSignal.timeout(FETCH_WITHIN_MS))
      afterwards()
    } catch (error) {
      const why = messageOf(error)
      log(`toolbox: ${agent} ${version}: ${why}`)
      failures.set(agent, why.slice(0, 500))
    } finally {
      flights.delete(agent)
    }
  }
  return {
    chosen,
    ensureDaemon: (target, signal) => toolbox.ensureDaemon(target, signal),
    ensureAgent(request, signal) {
      const version = request.version ?? chosen(request.agent)
      return toolbox.ensureAgent({ ...request, ...(version === null ? {} : { version }) }, signal)
    },
    async list({ latest: asked }) {
      const within = AbortSignal.timeout(ASK_WITHIN_MS)
      const [there, newest] = await Promise.all([installed(), Promise.all(names.map(async (name) => (asked ? latest(name, within).catch(() => null) : null)))])
      return names.map((name, index) => entry(name, { there, newest: newest[index] ?? null }))
    },
    async install(agent, { version = pinned(agent), use: used }) {
      if (!flights.has(agent)) void run(agent, version, () => { if (used) use(agent, version) })
      return entry(agent, { there: await installed(), newest: null })
    },
  }
}

function readJson(file: string): unknown {
  try { return JSON.parse(readFileSync(file, 'utf8')) } catch { return {} }
}
