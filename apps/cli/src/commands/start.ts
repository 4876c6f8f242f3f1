import { command, one } from '../command.ts'
import { resolveWorkspace } from '../resolve.ts'
import { showProgress } from '../up/progress.ts'

export const start = command({
  name: 'start',
  summary: 'Start or wake a workspace; the agent resumes its conversation',
  arguments: '<workspace>',
  options: { 'no-wait': { type: 'boolean', help: 'return at once' } },
  examples: ['berth start demo'],
  parse: ({ values, positionals }) => ({ word: one(positionals, 'workspace', 'start'), wait: values['no-wait'] !== true }),
  async run(context, { word, wait }) {
    const connection = await context.connect()
    const before = await resolveWorkspace(connection.client, word, context.signal)
    const workspace = await connection.client.startWorkspace({ id: before.id }, context.signal)
    await showProgress(context, connection, { workspace, after: before.tail, wait })
  },
})
