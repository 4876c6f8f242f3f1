import { command, one } from '../command.ts'
import { resolveWorkspace } from '../resolve.ts'
import { waitSaved } from '../saved/wait-saved.ts'
import { showProgress } from '../up/progress.ts'

export const fork = command({
  name: 'fork',
  summary: 'Make a second workspace that begins where one stands, on a branch of its own',
  arguments: '<workspace>',
  options: {
    name: { type: 'string', value: 'name', help: 'of the fork; its branch is berth/<name>' },
    provider: { type: 'string', value: 'name', help: 'where it runs; else where the first one does' },
    prompt: { type: 'string', value: 'text', help: 'what its agent is told first' },
    ephemeral: { type: 'boolean', help: 'delete it when it is idle, instead of stopping it' },
    'no-wait': { type: 'boolean', help: 'return when it is begun' },
  },
  notes: 'Between two turns of the first one. Its conversations go on in both; logins of its home stay with it alone. What was installed beside its tree and home is in the fork where the machine is a computer of this host (vm), and elsewhere not.',
  examples: ['berth fork demo', 'berth fork demo --name demo-b --prompt "try it with a queue instead"', 'berth fork demo --provider local --ephemeral'],
  parse: ({ values, positionals }) => ({ word: one(positionals, 'workspace', 'fork'), values }),
  async run(context, { word, values }) {
    const connection = await context.connect()
    const { client } = connection
    const { id } = await resolveWorkspace(client, word, context.signal)
    const saved = await waitSaved({ client, io: context.io, signal: context.signal }, await client.saveWorkspace({ id, kind: 'fork' }, context.signal))
    const request = { ref: saved.id, ...(values.name === undefined ? {} : { name: values.name }), ...(values.provider === undefined ? {} : { provider: values.provider }), ...(values.prompt === undefined ? {} : { prompt: values.prompt }), ...(values.ephemeral === true ? { ephemeral: true } : {}), idempotencyKey: crypto.randomUUID() }
    const workspace = await client.restoreSaved(request, context.signal)
    await showProgress(context, connection, { workspace, after: 0, wait: values['no-wait'] !== true })
  },
})
