/** The agents' programs on the server's host: which there are, in which versions, and fetching one. */
import { oc } from '@orpc/contract'
import { z } from 'zod'
import { AGENT_PROGRAMS, type AgentProgramName } from './agents.ts'

// The keys are the names.
export const AgentName = z.enum(Object.keys(AGENT_PROGRAMS) as [AgentProgramName, ...AgentProgramName[]])
const Version = z.string().regex(/^\d+\.\d+\.\d+(-[\w.]+)?$/, 'a whole version, such as 2.1.329')

export const CatalogueEntry = z.object({
  name: AgentName,
  /** The version that this release was tried with. */
  pinned: z.string(),
  /** What agents that start from now on run. */
  used: z.string(),
  installed: z.array(z.string()),
  /** The newest that is published; null: not asked, or nobody answers. */
  latest: z.string().nullable(),
  fetching: z.object({ version: z.string(), detail: z.string() }).nullable(),
  /** Why the last fetch came to nothing. */
  failed: z.string().nullable(),
})
export type CatalogueEntry = z.infer<typeof CatalogueEntry>

const tag = { tags: ['agents'] }

/** Spread into `api`. */
export const catalogueApi = {
  listAgents: oc.route({ method: 'GET', path: '/agents', summary: 'Agents and their versions', ...tag }).input(z.object({ latest: z.enum(['true', 'false']).default('false') })).output(z.array(CatalogueEntry)),
  /** Returns at once; the list tells how far it is. `use`: agents that start afterwards run it. */
  installAgent: oc.route({ method: 'POST', path: '/agents/{name}/install', summary: 'Fetch the program of an agent', ...tag })
    .input(z.object({ name: AgentName, version: Version.optional(), use: z.boolean().default(false) })).output(CatalogueEntry),
}
