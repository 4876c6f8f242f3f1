import { BerthError } from '@berth/wire/error'
import { command, one } from '../command.ts'
import { hang } from '../io.ts'
import { resolveWorkspace } from '../resolve.ts'
import { refreshSsh } from '../refresh-ssh.ts'
import { workspaceJson } from '../present.ts'

export const deleteCommand = command({
  name: 'delete',
  aliases: ['rm'],
  summary: 'Delete a workspace, its machine and all its data',
  arguments: '<workspace>',
  options: {
    yes: { type: 'boolean', short: 'y', help: 'do not ask' },
    'no-wait': { type: 'boolean', help: 'return at once, not when everything is gone' },
  },
  examples: ['berth delete demo', 'berth delete demo -y'],
  parse: ({ values, positionals }) => ({ word: one(positionals, 'workspace', 'delete'), yes: values.yes ?? false, wait: values['no-wait'] !== true }),
  async run(context, { word, yes, wait }) {
    const { io, signal } = context
    const connection = await context.connect()
    const { client, endpoint } = connection
    const { id, name } = await resolveWorkspace(client, word, signal)
    if (!yes) {
      if (!io.interactive) throw new BerthError('bad_request', 'deleting needs a yes', { hint: `berth delete ${name} -y` })
      io.note(hang('', `This deletes ${io.noteStyle.bold(name)} (${id}) with its disk, its terminal and the agent's conversation.`, io.noteColumns))
      io.note(hang('', io.noteStyle.dim(`What was not pulled is lost; \`berth pull ${name}\` brings it home first.`), io.noteColumns))
      if (!/^y(es)?$/i.test(await io.ask('Delete it? [y/N] '))) throw new BerthError('cancelled', 'nothing was deleted')
    }
    let workspace = await client.deleteWorkspace({ id }, signal)
    if (wait) {
      const { waitFor } = await import('../wait.ts')
      workspace = await waitFor({ client, endpoint, signal }, workspace, ({ phase }) => phase === 'deleted')
    }
    await refreshSsh(context, connection)
    io.out(context.json ? JSON.stringify(workspaceJson(workspace)) : `${wait ? 'Deleted' : 'Deleting'} ${name}.`)
  },
})
