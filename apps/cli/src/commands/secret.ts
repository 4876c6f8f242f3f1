import type { Client } from '@berth/client'
import { BerthError } from '@berth/wire/error'
import { cleanLine } from '../clean.ts'
import { atMost, command } from '../command.ts'
import type { Context } from '../context.ts'
import { table } from '../io.ts'
import { projectOf } from '../source/project-of.ts'
import { textOf } from '../up/secret-files.ts'

const VERBS = ['list', 'set', 'remove'] as const

export const secret = command({
  name: 'secret',
  summary: 'Keep secrets of a project: every workspace made from it gets them',
  arguments: '[list | set <NAME> | remove <NAME>]',
  options: {
    project: { type: 'string', value: 'url | path', help: 'the repository or directory that workspaces are made from (this directory)' },
    file: { type: 'boolean', help: 'not a variable: the workspace has it as ~/.secrets/<NAME>' },
  },
  notes: 'The value is read from standard input, sealed with the master key of the server, and never shown again. The agents of the project can read it, and what they say is masked. Workspaces that run get a change with their next start; `up --env` and `--secret` win over it.',
  examples: ['berth secret set NPM_TOKEN < token.txt', 'berth secret set DATABASE_URL --project https://github.com/northquay/ledger < url.txt', 'berth secret set service_account --file < key.json', 'berth secret', 'berth secret remove NPM_TOKEN'],
  parse({ values, positionals }) {
    atMost(2, positionals, 'secret')
    const [word = 'list', name] = positionals
    const verb = VERBS.find((known) => known === word)
    if (verb === undefined) throw new BerthError('bad_request', `secret has no "${word}"`, { hint: `one of ${VERBS.join(', ')}` })
    if (verb !== 'list' && name === undefined) throw new BerthError('bad_request', 'which secret?', { hint: `berth secret ${verb} NPM_TOKEN` })
    if (name?.includes('=')) throw new BerthError('bad_request', 'a value does not stand in a command line', { hint: 'berth secret set NPM_TOKEN < token.txt' })
    return { verb, name: name ?? '', project: values.project, file: values.file ?? false }
  },
  async run(context, { verb, name, project, file }) {
    const { io, json, signal } = context
    const address = verb === 'list' && project === undefined ? null : await projectOf(context, project ?? '.')
    const value = verb === 'set' ? await valueFrom(context, file) : ''
    const { client } = await context.connect()
    if (verb === 'list' || address === null) return show(context, client)
    if (verb === 'remove') {
      const { removed } = await client.removeProjectSecret({ project: address, name }, signal)
      if (!removed) throw new BerthError('not_found', `there is no secret ${name} of ${cleanLine(address)}`, { hint: '`berth secret` lists them' })
      return io.out(json ? JSON.stringify({ removed }) : `Forgot ${name}.`)
    }
    const kept = await client.setProjectSecret({ project: address, name, value, kind: file ? 'file' : 'env' }, signal)
    io.out(json ? JSON.stringify(kept) : `Kept ${kept.name} for the workspaces of ${cleanLine(kept.project)}${file ? `, as ~/.secrets/${kept.name}` : ''}.`)
  },
})

async function valueFrom({ io }: Context, file: boolean): Promise<string> {
  if (process.stdin.isTTY) io.note('Paste the value, then Enter and Ctrl-D:')
  const bytes = await Bun.stdin.bytes()
  const text = textOf(bytes)
  if (text === null) throw new BerthError('bad_request', 'what came on standard input is no text', { hint: '`berth up --secret-file NAME=path` takes any file, for one workspace' })
  // A key whose last line does not end is none for ssh.
  const value = file ? text : text.replace(/\r?\n$/, '')
  if (value === '') throw new BerthError('bad_request', 'there is no value on standard input', { hint: 'berth secret set NPM_TOKEN < token.txt' })
  return value
}

async function show({ io, json, signal }: Context, client: Client): Promise<void> {
  const secrets = await client.listProjectSecrets(signal)
  if (json) return io.out(JSON.stringify(secrets))
  if (secrets.length === 0) return io.note('No secrets of projects. `berth secret set NPM_TOKEN < token.txt` keeps one for this directory.')
  const [header = '', ...lines] = table([['NAME', 'AS', 'PROJECT', 'SINCE'], ...secrets.map(({ name, kind, project, updatedAt }) => [name, kind === 'file' ? `~/.secrets/${name}` : 'variable', cleanLine(project, 80), new Date(updatedAt).toISOString()])], io.columns)
  io.out([io.style.dim(header), ...lines].join('\n'))
}
