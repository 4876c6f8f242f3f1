/** `approve` and `deny`: the two answers, the same question. */
import type { Decision } from '@berth/wire'
import { BerthError } from '@berth/wire/error'
import { command, one } from '../command.ts'
import type { Context } from '../context.ts'
import { askLines } from '../present.ts'
import { resolveApproval } from '../resolve.ts'

export const approve = command({
  name: 'approve',
  summary: 'Allow what an agent asks for',
  arguments: '<approval>',
  options: {
    session: { type: 'boolean', help: "also the agent's own suggestion of a rule, until the session ends" },
    input: { type: 'string', value: 'json', help: "replaces the tool's input: an edited command, the answers to a question" },
  },
  examples: ['berth approve apr_4k7', 'berth approve apr_4k7 --session', `berth approve apr_4k7 --input '{"command":"npm test"}'`],
  parse({ values, positionals }) {
    const decision: Decision = { behavior: 'allow', scope: values.session ? 'session' : 'once', ...(values.input === undefined ? {} : { updatedInput: parseInput(values.input) }) }
    return { word: one(positionals, 'approval', 'approve'), decision }
  },
  run: decide,
})

export const deny = command({
  name: 'deny',
  summary: 'Refuse what an agent asks for',
  arguments: '<approval>',
  options: { message: { type: 'string', short: 'm', value: 'text', help: 'told to the agent' } },
  examples: ['berth deny apr_4k7', 'berth deny apr_4k7 -m "use the staging database"'],
  parse({ values, positionals }) {
    const decision: Decision = { behavior: 'deny', scope: 'once', ...(values.message === undefined ? {} : { message: values.message }) }
    return { word: one(positionals, 'approval', 'deny'), decision }
  },
  run: decide,
})

async function decide({ connect, io, json, signal }: Context, { word, decision }: { word: string; decision: Decision }): Promise<void> {
  const { client } = await connect()
  const { approvalId } = await resolveApproval(client, word, signal)
  const approval = await client.decideApproval({ id: approvalId, decision, via: 'cli' }, signal)
  io.out(json ? JSON.stringify(approval) : `${decision.behavior === 'allow' ? 'Allowed' : 'Denied'}: ${askLines(approval)[0]}`)
}

function parseInput(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  } catch {
    // Answered below, together with JSON of the wrong kind.
  }
  throw new BerthError('bad_request', '--input takes a JSON object')
}
