import { BerthError } from '@berth/wire/error'
import type { CommitIdentity } from '@berth/wire/commits'
import { cleanLine } from '../clean.ts'
import { atMost, command } from '../command.ts'
import type { Context } from '../context.ts'

const FROM: Readonly<Record<CommitIdentity['from'], string>> = { person: 'as you said', git: 'as the git of your machine has it', 'sign-in': 'as GitHub knows you', none: 'nothing is known of you; commits are by "Berth"' }

export const identity = command({
  name: 'identity',
  summary: 'Say who the commits of your workspaces are by, and whether they are signed',
  options: {
    name: { type: 'string', value: 'name', help: 'your name' },
    email: { type: 'string', value: 'address', help: 'your address' },
    'co-author': { type: 'string', value: 'on | off', help: 'name berth[bot] as a co-author in each commit (on)' },
    sign: { type: 'string', value: 'on | off', help: 'make a key that signs your commits, or forget it' },
  },
  notes: 'A workspace learns it at once; a repository that has an identity of its own keeps it. The signing key is made by the server\nand stays there: git in a workspace asks for each signature, which is written down (`berth audit --action commit.sign`), and\ngets one only for commits by your own address. Add its public half at your git host as a signing key.',
  examples: ['berth identity', 'berth identity --name "Ada Lovelace" --email ada@example.org', 'berth identity --sign on', 'berth identity --co-author off'],
  parse({ values, positionals }) {
    atMost(0, positionals, 'identity')
    return { name: values.name, email: values.email, coAuthor: switched(values['co-author'], 'co-author'), sign: switched(values.sign, 'sign') }
  },
  async run(context, { name, email, coAuthor, sign }) {
    const { client } = await context.connect()
    const { signal } = context
    let now = await client.getCommitIdentity(undefined, signal)
    if (name !== undefined || email !== undefined || coAuthor !== undefined) now = await client.setCommitIdentity({ ...(name === undefined ? {} : { name }), ...(email === undefined ? {} : { email }), ...(coAuthor === undefined ? {} : { coAuthor }) }, signal)
    if (sign === true && now.signingKey === null) now = await client.makeSigningKey({}, signal)
    if (sign === false) now = await client.removeSigningKey({}, signal)
    show(context, now)
  },
})

function switched(word: string | undefined, option: string): boolean | undefined {
  if (word === undefined) return undefined
  if (word !== 'on' && word !== 'off') throw new BerthError('bad_request', `--${option} is on or off, not "${word}"`)
  return word === 'on'
}

function show({ io, json }: Context, now: CommitIdentity): void {
  if (json) return io.out(JSON.stringify(now))
  const { name, email, from, coAuthor, signingKey } = now
  io.out([email === '' ? cleanLine(name) : `${cleanLine(name)} <${cleanLine(email)}>  ${io.style.dim(FROM[from])}`, `co-author: ${coAuthor ? 'berth[bot]' : 'none'}`, `signed: ${signingKey === null ? 'no' : signingKey.publicKey}`].join('\n'))
  if (email === '') io.note(FROM.none)
}
