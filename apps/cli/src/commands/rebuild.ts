import type { Workspace } from '@berth/wire'
import { command, one } from '../command.ts'
import { resolveWorkspace } from '../resolve.ts'
import { showProgress } from '../up/progress.ts'

/** Somebody wished otherwise meanwhile. */
const OFF: readonly Workspace['phase'][] = ['stopped', 'sleeping', 'failed', 'deleted']

export const rebuild = command({
  name: 'rebuild',
  summary: "Make the machine anew from its devcontainer as it now stands in the workspace; code and home are kept",
  arguments: '<workspace>',
  options: { 'no-wait': { type: 'boolean', help: 'return when the new machine is begun' } },
  examples: ['berth rebuild demo'],
  parse: ({ values, positionals }) => ({ word: one(positionals, 'workspace', 'rebuild'), wait: values['no-wait'] !== true }),
  async run(context, { word, wait }) {
    const connection = await context.connect()
    const { client, endpoint } = connection
    const before = await resolveWorkspace(client, word, context.signal)
    const stopping = await client.rebuildWorkspace({ id: before.id }, context.signal)
    const { waitFor } = await import('../wait.ts')
    // It starts by itself once it has stopped: from then on the events are those of a start.
    const workspace = await waitFor({ client, endpoint, signal: context.signal }, stopping, ({ phase, wish }) => wish.target === 'running' || OFF.includes(phase))
    await showProgress(context, connection, { workspace, after: workspace.tail, wait })
  },
})
