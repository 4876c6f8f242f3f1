import type { Client } from '@berth/client'
import { Level, Role } from '@berth/wire/access'
import { BerthError } from '@berth/wire/error'
import type { Person } from '@berth/wire/people'
import { cleanLine } from '../clean.ts'
import { atMost, command } from '../command.ts'
import type { Context } from '../context.ts'
import { table } from '../io.ts'
import { resolveWorkspace } from '../resolve.ts'
import { parseDuration } from '../words.ts'

const VERBS = ['list', 'invite', 'invitations', 'uninvite', 'role', 'remove', 'grant'] as const
const NEEDS: Readonly<Record<(typeof VERBS)[number], number>> = { list: 0, invite: 0, invitations: 0, uninvite: 1, role: 2, remove: 1, grant: 3 }
const NONE = 'none'

export const people = command({
  name: 'people',
  summary: 'See who is in the organisation, invite, change roles, give more of a workspace',
  arguments: '[list | invite | invitations | uninvite <id> | role <who> <role> | remove <who> | grant <workspace> <who> <level>]',
  options: {
    role: { type: 'string', value: 'role', help: 'of an invitation: owner, member or viewer (viewer)' },
    note: { type: 'string', value: 'text', help: 'of an invitation: for whom it is' },
    expires: { type: 'string', value: '7d', help: 'of an invitation: how long it is good, up to 30d (7d)' },
  },
  notes: 'Owners decide about people and credentials; members make workspaces and look at those of others; viewers look; guests came by a repository they may write to, and see its workspaces. In one workspace its owner gives more: look, visit (its previews), act (messages, approvals, terminals), or none to take it back.',
  examples: ['berth people', 'berth people invite --role member --note Ada', 'berth people role ada viewer', 'berth people grant demo ada act', 'berth people grant demo ada none', 'berth people remove ada'],
  parse({ values, positionals }) {
    const [word = 'list', ...words] = positionals
    const verb = VERBS.find((known) => known === word)
    if (verb === undefined) throw new BerthError('bad_request', `people has no "${word}"`, { hint: `one of ${VERBS.join(', ')}` })
    atMost(NEEDS[verb], words, 'people')
    if (words.length < NEEDS[verb]) throw new BerthError('bad_request', `berth people ${verb} needs ${NEEDS[verb]} word${NEEDS[verb] === 1 ? '' : 's'}`)
    return { verb, words, role: Role.exclude(['guest']).safeParse(values.role ?? 'viewer').data, note: values.note, expiresInMs: values.expires === undefined ? undefined : parseDuration(values.expires, 'expires') }
  },
  async run(context, { verb, words, role, note, expiresInMs }) {
    const { io, json, signal } = context
    const { client } = await context.connect()
    const [first = '', second = '', third = ''] = words
    const said = (value: unknown, text: string): void => io.out(json ? JSON.stringify(value) : text)
    switch (verb) {
      case 'list': return show(context, await client.listPeople(undefined, signal))
      case 'invite': return invite(context, client, { role, ...(note === undefined ? {} : { note }), ...(expiresInMs === undefined ? {} : { expiresInMs }) })
      case 'invitations': return invitations(context, client)
      case 'uninvite': return said(await client.revokeInvitation({ invitationId: first as Parameters<Client['revokeInvitation']>[0]['invitationId'] }, signal), 'Taken back.')
      case 'role': {
        const to = Role.safeParse(second)
        if (!to.success) throw new BerthError('bad_request', `"${second}" is no role`, { hint: `one of ${Role.options.join(', ')}` })
        const person = await personOf(client, first, signal)
        return said(await client.setRole({ userId: person.userId, role: to.data }, signal), `${cleanLine(person.name)} is ${to.data} now.`)
      }
      case 'remove': {
        const person = await personOf(client, first, signal)
        return said(await client.removePerson({ userId: person.userId }, signal), `${cleanLine(person.name)} is out; their sessions end within ten seconds.`)
      }
      case 'grant': return grant(context, client, { word: first, who: second, level: third })
    }
  },
})

async function invite({ io, json, signal }: Context, client: Client, { role, ...rest }: { role: 'owner' | 'member' | 'viewer' | undefined; note?: string; expiresInMs?: number }): Promise<void> {
  if (role === undefined) throw new BerthError('bad_request', '--role is owner, member or viewer')
  const made = await client.invite({ role, ...rest }, signal)
  io.out(json ? JSON.stringify(made) : made.url)
  if (!json) io.note(io.noteStyle.dim(`Lets one person in as ${made.role}, until ${new Date(made.expiresAt).toISOString().slice(0, 16).replace('T', ' ')} UTC.`))
}

async function personOf(client: Client, word: string, signal: AbortSignal): Promise<Person> {
  const all = await client.listPeople(undefined, signal)
  const found = all.filter(({ userId, name, logins }) => userId === word || name.toLowerCase() === word.toLowerCase() || logins.includes(word))
  const [only] = found
  if (only !== undefined && found.length === 1) return only
  if (only === undefined) throw new BerthError('not_found', `there is nobody called "${cleanLine(word)}" here`, { hint: '`berth people` lists them' })
  throw new BerthError('ambiguous_name', `several are called "${cleanLine(word)}": ${found.map(({ userId }) => userId).join(', ')}`, { hint: 'give the id' })
}

async function grant({ io, json, signal }: Context, client: Client, { word, who, level }: { word: string; who: string; level: string }): Promise<void> {
  const wanted = level === NONE ? null : Level.exclude(['own']).safeParse(level).data
  if (wanted === undefined) throw new BerthError('bad_request', `"${level}" is no level`, { hint: 'look, visit, act, or none' })
  const workspace = await resolveWorkspace(client, word, signal)
  const person = await personOf(client, who, signal)
  const all = await client.grantWorkspace({ id: workspace.id, userId: person.userId, level: wanted }, signal)
  io.out(json ? JSON.stringify(all) : wanted === null ? `${cleanLine(person.name)} has what their role gives in ${workspace.name}.` : `${cleanLine(person.name)} may ${wanted} in ${workspace.name}.`)
}

async function invitations({ io, json, signal }: Context, client: Client): Promise<void> {
  const open = await client.listInvitations(undefined, signal)
  if (json) return io.out(JSON.stringify(open))
  if (open.length === 0) return io.note('No invitation is open.')
  const [header = '', ...lines] = table([['ID', 'ROLE', 'FOR', 'BY', 'UNTIL (UTC)'], ...open.map(({ id, role, note, by, expiresAt }) => [id, role, cleanLine(note, 40), cleanLine(by, 30), new Date(expiresAt).toISOString().slice(0, 16).replace('T', ' ')])])
  io.out([io.style.dim(header), ...lines].join('\n'))
}

function show({ io, json }: Context, all: readonly Person[]): void {
  if (json) return io.out(JSON.stringify(all))
  const [header = '', ...lines] = table([['NAME', 'ROLE', 'KNOWN AS', 'LAST SEEN', 'ID'], ...all.map(({ name, role, keeps, logins, lastSeenAt, userId }) => [cleanLine(name, 40), `${role}${keeps ? ' (of the server)' : ''}`, cleanLine(logins.join(', '), 40), lastSeenAt === null ? 'never' : new Date(lastSeenAt).toISOString().slice(0, 16).replace('T', ' '), userId])])
  io.out([io.style.dim(header), ...lines].join('\n'))
}
