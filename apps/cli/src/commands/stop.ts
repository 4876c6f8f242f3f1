import type { Workspace } from '@berth/wire'
import { perHour } from '@berth/wire/money'
import { command, one } from '../command.ts'
import { resolveWorkspace } from '../resolve.ts'
import { workspaceJson } from '../present.ts'

/** Nothing is left to stop. */
const OFF: readonly Workspace['phase'][] = ['stopped', 'sleeping', 'failed', 'deleted']

export const stop = command({
  name: 'stop',
  aliases: ['down'],
  summary: 'Save the work and stop the machine; `berth start` resumes it',
  arguments: '<workspace>',
  options: { wait: { type: 'boolean', help: 'return when the machine is off' } },
  examples: ['berth stop demo', 'berth stop ws_4k --wait'],
  parse: ({ values, positionals }) => ({ word: one(positionals, 'workspace', 'stop'), wait: values.wait ?? false }),
  async run(context, { word, wait }) {
    const { client, endpoint } = await context.connect()
    const { id } = await resolveWorkspace(client, word, context.signal)
    let workspace = await client.stopWorkspace({ id }, context.signal)
    if (wait) {
      const { waitFor } = await import('../wait.ts')
      workspace = await waitFor({ client, endpoint, signal: context.signal }, workspace, ({ phase }) => OFF.includes(phase))
    }
    if (context.json) return context.io.out(JSON.stringify(workspaceJson(workspace)))
    context.io.out(`${OFF.includes(workspace.phase) ? 'Stopped' : 'Stopping'} ${workspace.name}. Its disk is kept; \`berth start ${workspace.name}\` brings it back.`)
    if (workspace.cost?.state === 'stopped') context.io.note(`It is still billed: ${perHour(workspace.cost)} for what is kept; \`berth delete ${workspace.name}\` ends that.`)
  },
})
