import { BerthError } from '@berth/wire/error'
import { cleanLine } from '../clean.ts'
import { atMost, command } from '../command.ts'

const VERBS = ['list', 'new', 'use'] as const

export const organisation = command({
  name: 'organisation',
  summary: 'Your organisations: list them, make one, choose the one to look at',
  arguments: '[list | new <name> | use <name>]',
  notes: 'Workspaces, people, credentials and records belong to one organisation. This command line, and each browser, looks at one at a time.',
  examples: ['berth organisation', 'berth organisation new Northquay', 'berth organisation use Northquay'],
  parse({ positionals }) {
    const [word = 'list', name] = positionals
    const verb = VERBS.find((known) => known === word)
    if (verb === undefined) throw new BerthError('bad_request', `organisation has no "${word}"`, { hint: `one of ${VERBS.join(', ')}` })
    atMost(verb === 'list' ? 1 : 2, positionals, 'organisation')
    if (verb !== 'list' && name === undefined) throw new BerthError('bad_request', 'which organisation?')
    return { verb, name: name ?? '' }
  },
  async run({ connect, io, json, signal }, { verb, name }) {
    const { client } = await connect()
    if (verb === 'new') {
      const made = await client.createOrganisation({ name }, signal)
      return io.out(json ? JSON.stringify(made) : `Made ${cleanLine(made.name)}. \`berth organisation use ${cleanLine(made.name)}\` looks at it.`)
    }
    const me = await client.me(undefined, signal)
    if (verb === 'list') {
      return io.out(json ? JSON.stringify(me.organisations) : me.organisations.map((one) => `${one.id === me.organisation.id ? '*' : ' '} ${cleanLine(one.name)}  ${one.role}  ${one.id}`).join('\n'))
    }
    const found = me.organisations.find((one) => one.id === name || one.name === name)
    if (found === undefined) throw new BerthError('not_found', `you are in no organisation "${cleanLine(name)}"`, { hint: '`berth organisation` lists them' })
    const now = await client.chooseOrganisation({ orgId: found.id }, signal)
    io.out(json ? JSON.stringify(now) : `This command line looks at ${cleanLine(found.name)} now.`)
  },
})
