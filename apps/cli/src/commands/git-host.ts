import type { Client } from '@berth/client'
import { BerthError } from '@berth/wire/error'
import type { GitHost } from '@berth/wire/git-access'
import { atMost, command } from '../command.ts'
import type { Context } from '../context.ts'
import { table } from '../io.ts'
import { secretFromInput } from '../secret-input.ts'

const KINDS = ['github', 'gitlab', 'bitbucket', 'freestyle', 'generic'] as const
const VERBS = ['list', 'add', 'remove'] as const

export const gitHost = command({
  name: 'git-host',
  summary: 'Keep the credential of a git host, which no workspace ever sees',
  arguments: '[list | add <origin> | remove <origin>]',
  options: {
    type: { type: 'string', value: 'kind', help: 'github, gitlab, bitbucket, freestyle or generic, where the name of the host does not say it' },
    username: { type: 'string', value: 'name', help: 'user of the credential; without it, as the host wants it: oauth2 at a GitLab, x-token-auth at Bitbucket' },
    check: { type: 'string', value: 'owner/name', help: 'ask the host for this repository before the credential is kept' },
  },
  notes: 'The token is read from standard input. A workspace made from a repository there clones, fetches and pushes its own branches (berth/<name>…) through the server; other repositories of that host it reads as a stranger would.\nProtect the main branch at the host, too: the token may do more than any workspace. A GitLab token needs read_repository, write_repository and, to list its projects, read_api. Of Freestyle the key of the account is kept; git gets a token for one repository and one operation instead, which is taken back.',
  examples: ['berth git-host add https://github.com --check northquay/ledger < token.txt', 'gh auth token | berth git-host add https://github.com', 'berth git-host add https://git.northquay.example --type gitlab < token.txt', 'berth git-host add https://git.freestyle.sh < key.txt', 'berth git-host', 'berth git-host remove https://github.com'],
  parse({ values, positionals }) {
    atMost(2, positionals, 'git-host')
    const [word = 'list', address] = positionals
    const verb = VERBS.find((known) => known === word)
    if (verb === undefined) throw new BerthError('bad_request', `git-host has no "${word}"`, { hint: `one of ${VERBS.join(', ')}` })
    if (verb !== 'list' && address === undefined) throw new BerthError('bad_request', 'which host?', { hint: `berth git-host ${verb} https://github.com` })
    const kind = KINDS.find((known) => known === values.type)
    if (values.type !== undefined && kind === undefined) throw new BerthError('bad_request', `there is no kind of host "${values.type}"`, { hint: KINDS.join(', ') })
    return { verb, kind, address: address ?? '', username: values.username, check: values.check }
  },
  async run(context, { verb, kind, address, username, check }) {
    const { io, json, signal } = context
    const { client } = await context.connect()
    if (verb === 'list') return show(context, await client.listGitHosts(signal))
    const origin = originOf(address)
    if (verb === 'remove') return remove(context, client, origin)
    const host = await client.addGitHost({ origin, token: await secretFromInput(io, 'token', `berth git-host add ${origin} < token.txt`), ...(kind === undefined ? {} : { kind }), ...(username === undefined ? {} : { username }), ...(check === undefined ? {} : { check }) }, signal)
    if (json) return io.out(JSON.stringify(host))
    io.out(`Kept the credential of ${host.origin}${check === undefined ? '' : `; it opens ${check}`}.`)
  },
})

function originOf(address: string): string {
  const whole = /^[a-z]+:\/\//.test(address) ? address : `https://${address}`
  if (!URL.canParse(whole)) throw new BerthError('bad_request', `"${address}" is no host`, { hint: 'such as https://github.com' })
  return whole.replace(/\/+$/, '')
}

async function remove({ io, json, signal }: Context, client: Client, origin: string): Promise<void> {
  const host = (await client.listGitHosts(signal)).find((known) => known.origin === origin.toLowerCase())
  if (host === undefined) throw new BerthError('not_found', `there is no credential for ${origin}`, { hint: '`berth git-host` lists them' })
  const result = await client.removeGitHost({ hostId: host.id }, signal)
  io.out(json ? JSON.stringify(result) : `Forgot the credential of ${host.origin}.`)
}

function show({ io, json }: Context, hosts: readonly GitHost[]): void {
  if (json) return io.out(JSON.stringify(hosts))
  if (hosts.length === 0) return io.note('No git host. `berth git-host add https://github.com` keeps a credential.')
  const [header = '', ...lines] = table([['HOST', 'KIND', 'USER', 'LAST USED'], ...hosts.map(({ origin, kind, username, lastUsedAt }) => [origin, kind, username, lastUsedAt === null ? 'never' : new Date(lastUsedAt).toISOString()])])
  io.out([io.style.dim(header), ...lines].join('\n'))
}
