/** From "created" to "the agent works": the steps as they happen, then how to look in. */
import type { StoredEvent, Workspace } from '@berth/wire'
import { BerthError, ERROR_CODES, type ErrorCode } from '@berth/wire/error'
import type { Preview } from '@berth/wire/previews'
import type { Connection, Context } from '../context.ts'
import { cleanLine } from '../clean.ts'
import { workspaceJson } from '../present.ts'
import { aboutPreview, previewsOf } from '../previews.ts'
import { waitFor } from '../wait.ts'
import { createTimeline, type Timeline } from './timeline.ts'

export interface Progress {
  readonly workspace: Workspace
  /** Events after this one belong to this start. */
  readonly after: number
  readonly wait: boolean
  readonly timeline?: Timeline
  readonly timeoutMs?: number
  readonly open?: boolean
}

export async function showProgress(context: Context, connection: Connection, progress: Progress): Promise<void> {
  const { io, json } = context
  const timeline = progress.timeline ?? createTimeline(io, () => performance.now())
  let { workspace } = progress
  try {
    if (progress.wait) workspace = await watch(context, connection, { ...progress, timeline })
  } catch (error) {
    if (context.signal.aborted) timeline.notice(`${workspace.name} goes on by itself`, `\`berth events ${workspace.name}\` shows how, \`berth delete ${workspace.name}\` removes it`)
    throw error
  } finally {
    timeline.end()
  }
  if (progress.wait && outcome(workspace) === 'failed') throw failure(workspace)
  const previews = await previewsOf(connection.client, workspace, context.signal)
  if (json) return io.out(JSON.stringify(workspaceJson(workspace, previews)))
  showConnect(context, workspace, previews)
}

async function watch({ signal }: Context, { client, endpoint }: Connection, progress: Progress & { timeline: Timeline }): Promise<Workspace> {
  const { timeline } = progress
  let seen = progress.after
  let agentDetail: string | null = null
  // The record keeps the state of an earlier run until the daemon of this one speaks.
  let current = workspaceRuns(progress.workspace)
  const onEvent = ({ seq, body }: StoredEvent): void => {
    seen = seq
    tell(timeline, body)
    if (body.type === 'session.started') current = true
    if (body.type === 'session.state') {
      current ||= body['state'] !== 'starting' && body['state'] !== 'none'
      agentDetail = typeof body['detail'] === 'string' ? body['detail'] : null
    }
  }
  const done = (now: Workspace): boolean => outcome(now) === 'failed' || (outcome(now) === 'ready' && current)
  const workspace = await waitFor({ client, endpoint, signal }, progress.workspace, done, { after: progress.after, onEvent, ...(progress.timeoutMs === undefined ? {} : { timeoutMs: progress.timeoutMs }) })
  // What was written between the last event we got and the look that ended the wait.
  if (seen < workspace.tail) for (const event of (await client.listEvents({ id: workspace.id, after: seen }, signal)).events) onEvent(event)
  if (workspace.wantsLogin === true) timeline.notice('the agent is not signed in, and waits', `\`berth sign-in ${workspace.name}\` signs it in, by a link; so does the page`)
  else if (workspace.agentState === 'error') timeline.notice(`the agent cannot work yet${agentDetail ? `: ${agentDetail}` : ''}`, `\`berth attach ${workspace.name}\` shows its terminal, \`berth logs ${workspace.name} agent\` its output`)
  return workspace
}

function workspaceRuns({ phase }: Pick<Workspace, 'phase'>): boolean {
  return phase === 'running' || phase === 'recovery'
}

function outcome(workspace: Pick<Workspace, 'phase' | 'agentState' | 'wish'>): 'waiting' | 'ready' | 'failed' {
  const { phase, agentState, wish } = workspace
  if (workspaceRuns(workspace)) return agentState === 'none' || agentState === 'starting' ? 'waiting' : 'ready'
  if (phase === 'failed' || phase === 'deleting' || phase === 'deleted') return 'failed'
  // A stop that somebody else asked for meanwhile; one that lies before this start is on its way out.
  const stopped = phase === 'stopped' || phase === 'sleeping' || phase === 'stopping'
  return stopped && wish.target !== 'running' ? 'failed' : 'waiting'
}

function tell(timeline: Timeline, body: Readonly<Record<string, unknown>>): void {
  const text = (key: string): string | null => (typeof body[key] === 'string' ? body[key] : null)
  const state = text('state')
  if (body['type'] === 'workspace.step' && (state === 'started' || state === 'done' || state === 'failed')) {
    // What went wrong is the error that ends the command; said once is enough.
    const detail = state === 'failed' ? null : text('detail')
    timeline.step({ key: text('step') ?? '', title: text('title') ?? '', state, durationMs: typeof body['durationMs'] === 'number' ? body['durationMs'] : null, detail })
  }
  if (body['type'] === 'workspace.notice') timeline.notice(text('message') ?? '', text('hint'), body['level'] === 'info' ? 'info' : 'warning')
}

function failure(workspace: Workspace): BerthError {
  const hint = `see \`berth logs ${workspace.name}\`; \`berth delete ${workspace.name}\` removes it`
  const { error } = workspace
  if (!error) return new BerthError('cancelled', `${workspace.name} was ${workspace.phase === 'failed' ? 'not started' : workspace.phase}${workspace.statusMessage ? `: ${workspace.statusMessage}` : ''}`, { hint, details: { id: workspace.id } })
  const code = ERROR_CODES.find((known): known is ErrorCode => known === error.code) ?? 'internal'
  return new BerthError(code, error.message, { hint: error.hint ?? hint, details: { id: workspace.id, name: workspace.name } })
}

function showConnect({ io }: Context, workspace: Workspace, previews: readonly Preview[]): void {
  const style = io.style
  const { name } = workspace
  io.out('')
  io.out(`${style.bold(name)} ${style.dim(`· ${workspace.id} · ${workspace.provider}${workspace.isolation ? `, ${isolationWords(workspace)}` : ''}`)}`)
  for (const exposure of workspace.exposures) io.out(`${style.yellow('⚠')} ${cleanLine(exposure.name)} ${style.dim(cleanLine(exposure.warning))}`)
  if (workspace.statusMessage) io.out(style.dim(cleanLine(workspace.statusMessage)))
  io.out('')
  io.out('Connect with')
  const hints: [string, string][] = [[`berth attach ${name}`, 'its terminal'], [`berth ssh ${name}`, 'a shell of yours'], [`berth open ${name} --ide code`, 'your editor'], [`berth web ${name}`, 'your browser'], [`berth send ${name} "…"`, 'say something to the agent'], [`berth approvals`, 'what it asks you'], [`berth pull ${name}`, 'the work, as a branch']]
  const width = Math.max(...hints.map(([words]) => words.length))
  for (const [words, about] of hints) io.out(`  ${words.padEnd(width)}  ${style.dim(about)}`)
  if (previews.length === 0) return
  io.out('')
  io.out('Previews')
  for (const preview of previews) io.out(`  ${preview.url}  ${aboutPreview(style, preview)}`.trimEnd())
}

function isolationWords(workspace: Workspace): string {
  return { container: 'in a container', sandbox: 'sandboxed', none: 'not isolated', vm: 'in a virtual machine' }[workspace.isolation ?? 'none']
}
