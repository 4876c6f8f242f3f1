import type { Workspace } from '@berth/wire'
import { BerthError } from '@berth/wire/error'
import { command, one } from '../command.ts'
import { workspaceJson } from '../present.ts'
import { resolveWorkspace } from '../resolve.ts'

const STEPS: Readonly<Record<string, string>> = { waiting: 'Waiting for the end of the turn', saving: 'Saving the workspace', stopping: 'Stopping the old machine', starting: 'Starting the new machine', ending: 'Removing the old machine', undoing: 'Going back' }
/** A large workspace, and the end of a long turn before it. */
const WAIT_MS = 4 * 3600_000

export const move = command({
  name: 'move',
  summary: 'Go on with the same workspace on a machine of another provider',
  arguments: '<workspace>',
  options: {
    provider: { type: 'string', value: 'name', help: 'where to; see `berth provider list`' },
    interrupt: { type: 'boolean', help: 'interrupt the turn that is running, instead of waiting for its end' },
    cancel: { type: 'boolean', help: 'stay where it is, as long as its machine has not been stopped for the move' },
    'no-wait': { type: 'boolean', help: 'return at once; it goes on by itself' },
  },
  notes: 'The tree with its index and branches, the home and the conversations go along; logins and keys of the home stay behind, and what was installed beside the two goes. The old machine is deleted when the new one has everything; when that fails the workspace stays where it was.',
  examples: ['berth move demo --provider hetzner', 'berth move demo --provider local --interrupt', 'berth move demo --cancel'],
  parse({ values, positionals }) {
    const word = one(positionals, 'workspace', 'move')
    if (values.cancel === true) return { word, cancel: true as const }
    if (values.provider === undefined) throw new BerthError('bad_request', 'where to?', { hint: `berth move ${word} --provider <name>; see \`berth provider list\`` })
    return { word, cancel: false as const, provider: values.provider, interrupt: values.interrupt ?? false, wait: values['no-wait'] !== true }
  },
  async run(context, input) {
    const { io, json, signal } = context
    const { client, endpoint } = await context.connect()
    const { id } = await resolveWorkspace(client, input.word, signal)
    const say = (workspace: Workspace, line: string): void => io.out(json ? JSON.stringify(workspaceJson(workspace)) : line)
    if (input.cancel) {
      const workspace = await client.cancelMove({ id }, signal)
      return say(workspace, `${workspace.name} stays at ${workspace.provider}.`)
    }
    const begun = await client.moveWorkspace({ id, provider: input.provider, interrupt: input.interrupt }, signal)
    if (!input.wait) return say(begun, `${begun.name} moves to ${input.provider}; \`berth list\` shows where it is.`)
    const { waitFor } = await import('../wait.ts')
    let undone: { message: string; hint: string | null } | null = null
    let shown = ''
    const step = ({ move: under }: Workspace): void => {
      const words = under ? (STEPS[under.step] ?? under.step) : ''
      if (words !== '' && words !== shown) io.note(`${words} …`)
      shown = words
    }
    const onEvent = ({ body }: { body: { type: string } & Record<string, unknown> }): void => {
      if (body.type === 'workspace.notice' && body['code'] === 'move_undone') undone = { message: String(body['message']), hint: typeof body['hint'] === 'string' ? body['hint'] : null }
    }
    const arrived = (now: Workspace): boolean => {
      step(now)
      return !now.move && now.phase !== 'provisioning' && now.phase !== 'starting' && now.phase !== 'queued'
    }
    const workspace = await waitFor({ client, endpoint, signal }, begun, arrived, { after: begun.tail, onEvent, timeoutMs: WAIT_MS })
    const why = undone as { message: string; hint: string | null } | null // set by the callback above
    if (workspace.provider !== input.provider) throw new BerthError('conflict', why?.message ?? `${workspace.name} stays at ${workspace.provider}`, { hint: why?.hint ?? 'see `berth events`' })
    say(workspace, `${workspace.name} runs at ${workspace.provider} now.`)
  },
})
