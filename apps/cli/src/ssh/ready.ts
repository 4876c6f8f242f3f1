/** A workspace that is to be reached: found, and running. It is started only when somebody said so. */
import type { Workspace } from '@berth/wire'
import { BerthError } from '@berth/wire/error'
import { workspaceCan } from '@berth/wire/workspace-can'
import type { Connection, Context } from '../context.ts'
import { resolveWorkspace } from '../resolve.ts'
import { waitFor } from '../wait.ts'

/** A server that was just started, or a machine, is not linked yet: that takes moments. */
const COMING_MS = 15_000
const COMING_AGAIN_MS = 100
const START_MS = 5 * 60_000
/** `workspace_busy`: between two looks it began to start anew. */
const COMES: ReadonlySet<string> = new Set(['daemon_unreachable', 'workspace_busy'])
const COMING = new Set<Workspace['phase']>(['queued', 'provisioning', 'starting'])

/** `verb`: the command whose own `--start` would start it. Null: it has none. */
export async function readyWorkspace(context: Context, connection: Connection, wanted: { readonly word: string; readonly start: boolean; readonly verb: string | null }): Promise<Workspace> {
  const { client, endpoint } = connection
  const workspace = await resolveWorkspace(client, wanted.word, context.signal)
  if (workspaceCan('attach', workspace.phase)) return workspace
  if (!wanted.start && !COMING.has(workspace.phase)) throw new BerthError('workspace_not_running', `${workspace.name} is ${workspace.phase}`, { hint: `\`berth start ${workspace.name}\`${wanted.verb === null ? '' : `, or \`berth ${wanted.verb} --start ${workspace.name}\``}` })
  const started = wanted.start ? await client.startWorkspace({ id: workspace.id }, context.signal) : workspace
  context.io.note(context.io.noteStyle.dim(`${started.name} is starting; \`berth logs ${started.name} setup\` shows what it does`))
  const running = await waitFor({ client, endpoint, signal: context.signal }, started, ({ phase }) => workspaceCan('attach', phase) || phase === 'failed' || phase === 'deleted', { timeoutMs: START_MS })
  if (workspaceCan('attach', running.phase)) return running
  throw new BerthError('workspace_not_running', `${running.name} is ${running.phase}`, { hint: `see \`berth logs ${running.name}\`` })
}

/** Again while the machine is not linked: what comes of `work`. */
export async function whenLinked<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  const until = performance.now() + COMING_MS
  for (;;) {
    try {
      return await work()
    } catch (error) {
      signal.throwIfAborted()
      if (!(error instanceof BerthError) || !COMES.has(error.code) || performance.now() > until) throw error
      await Bun.sleep(COMING_AGAIN_MS)
    }
  }
}
