/**
 * What stands in the page before its script runs: the list, and for a workspace its last events, drawn by the page's
 * own components. Bounded: what is not seen at once is shortened, and the page asks for it when somebody unfolds it.
 */
import type { EventStore, Identity, Store } from '@berth/core'
import { BerthError, isUnanswered } from '@berth/wire'
import type { StoredEvent, Workspace, WorkspaceId } from '@berth/wire'
import { condensed } from './boot-events.ts'
import type { FirstPaint } from './page-files.ts'

export interface FirstPaintDeps {
  readonly store: { readonly events: Pick<EventStore, 'read' | 'tail'>; readonly approvals: Pick<Store['approvals'], 'list'> }
  readonly clock: { now(): number }
  /** Those that this reader sees. */
  listWorkspaces(reader: Identity | undefined): Promise<Workspace[]>
  readonly log: (line: string) => void
}

/** The last events of a workspace: what a screen and the reach above it show. */
export const PAINT_EVENTS = 80
/** As JSON, all together; the newest are kept. */
const EVENTS_BYTES = 48 * 1024
const TEXT_LIMIT = 4000
const OUTPUT_LIMIT = 1200
const INPUT_LIMIT = 300
const PATCH_LIMIT = 2000
/** On a page of one workspace the list is beside it, or behind it. */
const LIST_LIMIT = 40

export function createFirstPaint(deps: FirstPaintDeps): FirstPaint {
  return async (path, reader) => {
    try {
      // Loaded with the first page that is asked for.
      const { parseRoute, renderPage } = await import('@berth/web/render')
      const route = parseRoute(path)
      if (route.at === 'nowhere') return renderPage(path, { now: deps.clock.now(), workspaces: [], approvals: [], stream: null })
      const listed = deps.listWorkspaces(reader)
      const mainOf = async (id: WorkspaceId) => (await listed).find((workspace) => workspace.id === id)?.sessionId ?? null
      const [workspaces, approvals, stream] = await Promise.all([
        listed, deps.store.approvals.list({ all: false }), route.at === 'workspace' ? lastEvents(deps.store.events, route.id, mainOf) : null,
      ])
      // Those that are not on the web are not in the list.
      const known = new Set(workspaces.map(({ id }) => id))
      const open = route.at === 'workspace' ? route.id : null
      const shown = workspaces.length <= LIST_LIMIT ? workspaces : [...workspaces].sort((a, b) => rank(b, open) - rank(a, open)).slice(0, LIST_LIMIT)
      return renderPage(path, { now: deps.clock.now(), workspaces: shown, approvals: approvals.filter((approval) => isUnanswered(approval) && known.has(approval.workspaceId)), stream: stream && known.has(stream.id) ? stream : null })
    } catch (error) {
      // A page without a first drawing still draws itself.
      deps.log(`first paint: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
      return null
    }
  }
}

const rank = ({ id, needsYou, lastActiveAt }: Workspace, open: WorkspaceId | null) => (id === open ? 2e15 : needsYou > 0 ? 1e15 + lastActiveAt : lastActiveAt)

async function lastEvents(events: FirstPaintDeps['store']['events'], id: WorkspaceId, mainOf: (id: WorkspaceId) => Promise<string | null>): Promise<{ id: WorkspaceId; events: StoredEvent[]; after: number; whole: boolean }> {
  const tail = await events.tail(id)
  const read = await readFrom(events, id, Math.max(0, tail - PAINT_EVENTS))
  const main = await mainOf(id)
  const kept: StoredEvent[] = []
  let bytes = 0
  let whole = tail <= PAINT_EVENTS && (read[0]?.seq ?? 1) === 1
  for (const event of condensed(drawnOf(read).map((event) => shortened(event, main))).toReversed()) {
    bytes += JSON.stringify(event).length
    if (bytes > EVENTS_BYTES && kept.length > 0) {
      whole = false
      break
    }
    kept.unshift(event)
  }
  return { id, events: kept, after: read.at(-1)?.seq ?? tail, whole }
}

async function readFrom(events: FirstPaintDeps['store']['events'], id: WorkspaceId, after: number): Promise<StoredEvent[]> {
  try {
    return await events.read(id, after, PAINT_EVENTS)
  } catch (error) {
    const floor = error instanceof BerthError && error.code === 'cursor_gone' ? error.details?.['floor'] : undefined
    if (typeof floor === 'number') return events.read(id, floor, PAINT_EVENTS)
    // No such workspace: the page says so.
    return []
  }
}

/** Checkpoints say what a rewind took back; without one they say nothing. */
function drawnOf(read: readonly StoredEvent[]): StoredEvent[] {
  const back = read.some(({ body }) => body['conversation'] !== undefined)
  return read.filter(({ body }) => DRAWN.includes(body.type) || (body.type === 'review.changed' ? body['what'] === 'rewind' : back && body.type === 'checkpoint'))
}

/** What the page draws from; of others it only counts the seq. */
const DRAWN = ['message', 'prompt', 'tool', 'plan', 'usage', 'gap', 'turn.started', 'turn.ended', 'workspace.step', 'workspace.notice', 'approval.asked', 'approval.decided', 'approval.applied', 'approval.orphaned', 'approval.superseded', 'report.notice', 'report.preview']

/** The same event with less in it, and `cut` where the rest can be asked for. */
export function shortened(stored: StoredEvent, main: string | null = null): StoredEvent {
  // Names that nothing on the page reads are random, so they would not pack. What names no session is the main one's.
  const { sessionId, turnId: _turn, ...said } = stored.body
  const body = main === null || sessionId === undefined || sessionId === main ? said : { ...said, sessionId }
  const { id: _id, workspaceId: _workspace, source: _source, ...rest } = stored
  // What is left out is what the drawing does not ask for.
  const event = { ...rest, body } as StoredEvent
  if (body.type === 'message' || body.type === 'prompt') {
    const text = String(body['text'])
    return text.length <= TEXT_LIMIT ? event : { ...event, body: { ...body, text: `${text.slice(0, TEXT_LIMIT)}…`, cut: true } }
  }
  if (body.type === 'tool') return { ...event, body: shortTool(body) }
  // A decided one is a row; what waits comes whole with the list.
  if (body.type === 'approval.asked') {
    const ask = body['ask'] as { input: Record<string, unknown> }
    return { ...event, body: { ...body, ask: { ...ask, input: shortInput(ask.input) } } }
  }
  return event
}

type Body = StoredEvent['body']
interface Diff { readonly patch: string | null }

function shortTool(body: Body): Body {
  const input = body['input'] as Record<string, unknown> | null
  const output = body['output'] as string | null
  const diffs = body['diffs'] as readonly Diff[]
  // What is not shown until somebody unfolds it is not sent; a summary of tests stands at the end.
  const shortOutput = output !== null && output.length > OUTPUT_LIMIT ? output.slice(-OUTPUT_LIMIT) : output
  const shortDiffs = diffs.map((diff) => (diff.patch !== null && diff.patch.length > PATCH_LIMIT ? { ...diff, patch: null } : diff))
  const cut = shortOutput !== output || shortDiffs.some((diff, index) => diff !== diffs[index])
  return { ...body, input: input === null ? null : shortInput(input), output: shortOutput, diffs: shortDiffs, ...(cut ? { cut: true } : {}) }
}

const SHOWN = ['command', 'file_path', 'notebook_path', 'path', 'pattern', 'plan', 'description', 'url', 'query']
function shortInput(input: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(input).flatMap(([name, value]): [string, unknown][] => {
    if (!SHOWN.includes(name) || typeof value !== 'string') return []
    return [[name, value.length > INPUT_LIMIT ? `${value.slice(0, INPUT_LIMIT)}…` : value]]
  }))
}
