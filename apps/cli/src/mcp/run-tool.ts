/** What each tool does, with the person's own sign-in. What comes from a workspace is its agent's word, and said as data. */
import type { Client } from '@berth/client'
import { randomIds, type StoredEvent, type Workspace } from '@berth/wire'
import { BerthError } from '@berth/wire/error'
import type { McpAnswer, McpCall } from '@berth/wire/mcp-server'
import { clean } from '../clean.ts'
import { resolveWorkspace } from '../resolve.ts'
import { INPUTS, type InputOf, type ToolName } from './tools.ts'

const PATCH_LIMIT = 200_000
const EVENTS_DEFAULT = 50
/** Of one event; the whole of it is on the page. */
const EVENT_TEXT_LIMIT = 4000
const EVENTS_TEXT_LIMIT = 100_000
const LOOK_MS = 500

export interface ToolDeps {
  readonly client: () => Promise<Client>
  /** `berth up`, as the person would type it. */
  readonly up: (input: InputOf<'create_workspace'>, signal: AbortSignal) => Promise<Workspace>
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>
  readonly now: () => number
}
type Call = Pick<McpCall, 'signal' | 'progress'>
type Tools = { readonly [T in ToolName]: (input: InputOf<T>, call: Call) => Promise<Record<string, unknown>> }

export function createToolRunner(deps: ToolDeps): (call: McpCall) => Promise<McpAnswer> {
  const tools = createTools(deps)
  return async ({ name, args, signal, progress }) => {
    // Only offered names come here.
    const tool = name as ToolName
    const input = INPUTS[tool].safeParse(args)
    if (!input.success) return { text: input.error.issues.map(({ path, message }) => `${path.join('.') || 'arguments'}: ${message}`).join('; '), refused: true }
    const run = tools[tool] as (input: unknown, call: Call) => Promise<Record<string, unknown>>
    return { text: JSON.stringify(await run(input.data, { signal, progress }), null, 1) }
  }
}

function createTools(deps: ToolDeps): Tools {
  const at = async (word: string, signal: AbortSignal): Promise<{ client: Client; found: Workspace }> => {
    const client = await deps.client()
    return { client, found: await resolveWorkspace(client, word, signal) }
  }
  return {
    async list_workspaces(_, { signal }) {
      const client = await deps.client()
      return { workspaces: (await client.listWorkspaces({}, signal)).map(shown) }
    },
    async create_workspace(input, { signal }) {
      const { prompt, ...source } = input
      const made = await deps.up(source, signal)
      if (prompt !== undefined) await (await deps.client()).sendMessage({ id: made.id, text: prompt, promptId: randomIds.prompt() }, signal)
      return { workspace: shown(made) }
    },
    async send_prompt({ workspace, text }, { signal }) {
      const { client, found } = await at(workspace, signal)
      const after = found.tail
      const { status, detail } = await client.sendMessage({ id: found.id, text, promptId: randomIds.prompt() }, signal)
      return { status, detail, after, hint: 'read_events with this `after` says what comes of it' }
    },
    async read_events({ workspace, after, limit = EVENTS_DEFAULT, waitSeconds = 0 }, { signal, progress }) {
      const { client, found } = await at(workspace, signal)
      const from = after ?? Math.max(0, found.tail - limit)
      const until = deps.now() + waitSeconds * 1000
      for (;;) {
        const { events, tail } = await client.listEvents({ id: found.id, after: from, limit }, signal)
        if (events.length > 0 || deps.now() >= until) return told(events, { from, tail })
        progress('waiting for something new')
        await deps.sleep(LOOK_MS, signal)
      }
    },
    async waiting_questions({ workspace }, { signal }) {
      const client = await deps.client()
      const of = workspace === undefined ? undefined : (await resolveWorkspace(client, workspace, signal)).id
      const names = new Map((await client.listWorkspaces({}, signal)).map(({ id, name, webUrl }) => [id, { name, webUrl }]))
      const open = await client.listApprovals({ ...(of === undefined ? {} : { workspace: of }), all: 'false' }, signal)
      return { questions: open.map(({ approvalId, workspaceId, kind, title, askedAt }) => ({ workspace: names.get(workspaceId)?.name ?? workspaceId, kind, title: clean(title), askedAt: new Date(askedAt).toISOString(), url: `${names.get(workspaceId)?.webUrl ?? ''}?approval=${approvalId}` })), answeredBy: 'a person, on that page or with `berth approve`' }
    },
    async get_diff({ workspace, only }, { signal }) {
      const { client, found } = await at(workspace, signal)
      const { patch, stat, truncated } = await client.diff({ id: found.id }, signal)
      if (only === 'stat') return { stat }
      return { stat, patch: patch.slice(0, PATCH_LIMIT), truncated: truncated || patch.length > PATCH_LIMIT }
    },
    async list_files({ workspace, dir = '', query }, { signal }) {
      const { client, found } = await at(workspace, signal)
      return client.listFiles({ id: found.id, dir, ...(query === undefined ? {} : { query }) }, signal)
    },
    async read_file({ workspace, path }, { signal }) {
      const { client, found } = await at(workspace, signal)
      const { binary, text, ...rest } = await client.readFile({ id: found.id, path }, signal)
      return binary ? { ...rest, binary } : { ...rest, text }
    },
    async write_file({ workspace, ...file }, { signal }) {
      const { client, found } = await at(workspace, signal)
      return client.writeFile({ id: found.id, ...file }, signal)
    },
    async apply_edit({ workspace, path, old, new: next }, { signal }) {
      const { client, found } = await at(workspace, signal)
      const { text, sha256, binary } = await client.readFile({ id: found.id, path }, signal)
      if (binary || sha256 === undefined) throw new BerthError('unsupported', `${path} is no text that can be edited here`, { hint: 'it is binary or too large; ask the agent of the workspace' })
      const pieces = text.split(old)
      if (pieces.length !== 2) throw new BerthError('conflict', pieces.length === 1 ? `what is to be replaced does not stand in ${path}` : `what is to be replaced stands ${pieces.length - 1} times in ${path}`, { hint: 'read the file again, and give more of what is around it' })
      return client.writeFile({ id: found.id, path, text: pieces.join(next), expect: sha256 }, signal)
    },
    async start_workspace({ workspace }, { signal }) {
      const { client, found } = await at(workspace, signal)
      return { workspace: shown(await client.startWorkspace({ id: found.id }, signal)) }
    },
    async stop_workspace({ workspace }, { signal }) {
      const { client, found } = await at(workspace, signal)
      return { workspace: shown(await client.stopWorkspace({ id: found.id }, signal)) }
    },
    async delete_workspace({ workspace, confirm }, { signal }) {
      const { client, found } = await at(workspace, signal)
      if (confirm !== found.name) throw new BerthError('bad_request', `nothing was deleted: confirm has to be the name, ${found.name}`, { hint: 'ask the person first' })
      return { workspace: shown(await client.deleteWorkspace({ id: found.id }, signal)) }
    },
  }
}

const shown = ({ id, name, phase, agent, agentState, wantsLogin, needsYou, repository, branch, work, changes, webUrl, reason }: Workspace): Record<string, unknown> =>
  ({ id, name, phase, reason, agent, agentState, ...(wantsLogin === true ? { wantsLogin } : {}), needsYou, repository, branch, work: work ?? null, changes: changes ?? null, webUrl })

/** Cut to what a model reads in one go; `next` goes on behind the last that is here. */
function told(events: readonly StoredEvent[], { from, tail }: { from: number; tail: number }): Record<string, unknown> {
  const list: unknown[] = []
  let next = from
  let size = 0
  for (const { seq, at, body } of events) {
    const one = { seq, at: new Date(at).toISOString(), ...cut(body) }
    size += JSON.stringify(one).length
    if (list.length > 0 && size > EVENTS_TEXT_LIMIT) break
    list.push(one)
    next = seq
  }
  return { events: list, next, more: next < tail }
}
function cut(value: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return JSON.parse(JSON.stringify(value, (_, field: unknown) => (typeof field === 'string' && field.length > EVENT_TEXT_LIMIT ? `${field.slice(0, EVENT_TEXT_LIMIT)} … ${field.length - EVENT_TEXT_LIMIT} characters left out` : field))) as Record<string, unknown>
}
