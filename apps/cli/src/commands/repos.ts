import type { WorkspaceId } from '@berth/wire'
import { BerthError } from '@berth/wire/error'
import type { HostedRepository, RepositoryToken } from '@berth/wire/hosted'
import { atMost, command } from '../command.ts'
import { cleanLine } from '../clean.ts'
import type { Context } from '../context.ts'
import { table } from '../io.ts'
import { branchHere, bring, REMOTE } from '../repos/bring.ts'
import { answerGit, helperSettings } from '../repos/credential.ts'
import { findRepository, findTask, isTask, tokenOf } from '../repos/find.ts'
import { ago, bytes, parseDuration } from '../words.ts'

const VERBS = ['list', 'create', 'clone', 'token', 'revoke', 'keep', 'remove', 'credential'] as const
type Verb = (typeof VERBS)[number]
interface Asked { readonly name: string; readonly more: string | undefined; readonly write: boolean; readonly force: boolean; readonly lastsMs: number | undefined }

export const repos = command({
  name: 'repos',
  summary: 'Repositories that the server keeps: one for each workspace, and those that you make',
  arguments: '[list | create <name> [directory] | clone <name> [directory] | token <name> | revoke <name> | keep <name> | remove <name>]',
  options: {
    write: { type: 'boolean', help: 'with token: it may push, too' },
    lasts: { type: 'string', value: 'duration', help: 'with token and create: up to a day (default 1h)' },
    force: { type: 'boolean', help: 'with remove: also what nobody fetched, and while workspaces are made of it' },
  },
  notes: `\`create\` makes an empty repository and says its address; with a directory it brings the branch that is checked out there and
adds the remote "${REMOTE}", for which git asks Berth itself: no password is written down. \`berth up <address>\` makes workspaces of it,
which push their branches back. One that nobody uses is taken away after a while: the list says when, and using it or \`keep\`
puts that off. It stays as long as it holds commits of a workspace that nobody fetched.
That of a workspace goes with the workspace; \`berth push\` and \`berth pull\` use it.
\`token\` prints a password for git that opens one repository for a while, for programs that are not signed in; the user is "berth".
\`revoke\` takes back all that are out.`,
  examples: ['berth repos', 'berth repos create ledger .', 'berth up $(berth repos create ledger . --json | jq -r .url)', 'berth repos clone ledger', 'berth repos token demo --write --lasts 10m', 'berth repos revoke demo', 'berth repos remove ledger'],
  parse({ values, positionals }) {
    atMost(3, positionals, 'repos')
    const [word = 'list', name, more] = positionals
    const verb = VERBS.find((known) => known === word)
    if (verb === undefined) throw new BerthError('bad_request', `repos has no "${word}"`, { hint: `one of ${VERBS.slice(0, -1).join(', ')}` })
    if (verb !== 'list' && name === undefined) throw new BerthError('bad_request', 'which repository?', { hint: `berth repos ${verb} <name>` })
    const asked: Asked = { name: name ?? '', more, write: values.write === true, force: values.force === true, lastsMs: values.lasts === undefined ? undefined : parseDuration(values.lasts, 'lasts') }
    return { verb, asked }
  },
  run: (context, { verb, asked }) => DOING[verb](context, asked),
})

const DOING: Readonly<Record<Verb, (context: Context, asked: Asked) => Promise<void>>> = {
  list, create, clone, token, revoke, keep, remove,
  credential: (context, { name }) => answerGit(context, name),
}

async function list({ connect, io, json, signal }: Context): Promise<void> {
  const { client } = await connect()
  const found = await client.listHostedRepositories(signal)
  if (json) return io.out(JSON.stringify(found))
  if (found.length === 0) return io.note('No repository is kept here. `berth up .` makes one, and `berth repos create <name> .`.')
  const now = Date.now()
  const [header = '', ...lines] = table([['NAME', 'FOR', 'FROM', 'SIZE', 'USED', 'URL'], ...found.map((each) => [each.name, each.workspaceId === null ? each.workspaces.join(', ') || 'no workspace' : 'workspace', cleanLine(each.label), `${bytes(each.sizeBytes)} of ${bytes(each.quotaBytes)}`, ago(each.lastActiveAt, now), each.url])])
  io.out([io.style.dim(header), ...lines].join('\n'))
  for (const line of [...used(found), ...found.flatMap(ending)]) io.note(line)
}

/** Of each person, where there is more than one repository to it. */
function used(found: readonly HostedRepository[]): string[] {
  const owners = new Map(found.map((each) => [each.owner, each]))
  return [...owners.values()].map(({ owner, ownerBytes, ownerQuotaBytes }) => `${cleanLine(owner)} has ${bytes(ownerBytes)} of ${bytes(ownerQuotaBytes)} in all.`)
}
function ending({ name, endsAt, unfetched, workspaceId }: HostedRepository): string[] {
  if (endsAt !== null) return [`${name} is taken away on ${new Date(endsAt).toLocaleDateString()} unless somebody uses it: \`berth repos keep ${name}\`.`]
  return workspaceId === null && unfetched > 0 ? [`${name} holds ${unfetched} ${unfetched === 1 ? 'commit' : 'commits'} that nobody fetched.`] : []
}

async function create(context: Context, { name, more, lastsMs }: Asked): Promise<void> {
  const { connect, io, json, signal } = context
  const here = more === undefined ? null : await branchHere(context, more)
  const { client } = await connect()
  const made = await client.createHostedRepository({ name, label: here?.top.slice(-300) ?? '', ...(lastsMs === undefined ? {} : { lastsMs }) }, signal)
  if (here === null) return shown(context, made.token)
  await bring(here, made.token, context)
  if (json) return io.out(JSON.stringify({ ...made.repository, branch: here.branch }))
  io.out(`${io.style.green('✓')} ${here.branch} is at ${made.token.url}`)
  io.note(`\`git push ${REMOTE}\` brings more; \`berth up ${made.token.url}\` makes a workspace of it.`)
}

function shown({ io, json }: Context, made: RepositoryToken): void {
  if (json) return io.out(JSON.stringify(made))
  io.out(made.token)
  io.note(`The password of ${made.url}, user ${made.username}, good until ${new Date(made.expiresAt).toLocaleString()}, ${made.access === 'write' ? 'to fetch and push' : 'to fetch'}. Whoever has it needs nothing else.`)
}

async function token(context: Context, { name, write, lastsMs }: Asked): Promise<void> {
  const { client } = await context.connect()
  const repository = await findRepository(client, name, context.signal)
  shown(context, await tokenOf(client, repository, { access: write ? 'write' : 'read', lastsMs }, context.signal))
}

async function clone({ connect, io, signal, cwd }: Context, { name, more }: Asked): Promise<void> {
  const { client } = await connect()
  const { url } = await findRepository(client, name, signal)
  const settings = helperSettings(url).flatMap(([key, value]) => ['-c', `${key}=${value}`])
  const child = Bun.spawn(['git', 'clone', ...settings, '--', url, ...(more === undefined ? [] : [more])], { cwd, stdin: 'ignore', stdout: 'inherit', stderr: 'inherit', signal })
  const code = await child.exited
  if (code !== 0) throw new BerthError('clone_refused', `git ended with ${code}`, { hint: 'see what it says above' })
  io.note('git asks Berth for the password of this repository by itself.')
}

async function revoke({ connect, io, json, signal }: Context, { name }: Asked): Promise<void> {
  const { client } = await connect()
  const found = await findRepository(client, name, signal)
  const { name: known } = found
  const result = isTask(found) ? await client.revokeHostedTokens({ repositoryId: found.id }, signal) : await client.revokeRepositoryTokens({ id: found.id as WorkspaceId }, signal)
  io.out(json ? JSON.stringify(result) : result.revoked === 0 ? `No password of ${known} was out.` : `${result.revoked} ${result.revoked === 1 ? 'password' : 'passwords'} of ${known} ${result.revoked === 1 ? 'opens' : 'open'} nothing any more.`)
}

async function keep({ connect, io, json, signal }: Context, { name }: Asked): Promise<void> {
  const { client } = await connect()
  const { id } = await findTask(client, name, signal)
  const kept = await client.keepHostedRepository({ repositoryId: id }, signal)
  io.out(json ? JSON.stringify(kept) : `${kept.name} is kept.`)
}

async function remove({ connect, io, json, signal }: Context, { name, force }: Asked): Promise<void> {
  const { client } = await connect()
  const { id, name: known } = await findTask(client, name, signal)
  const result = await client.removeHostedRepository({ repositoryId: id, force: force ? 'true' : 'false' }, signal)
  io.out(json ? JSON.stringify(result) : `${known} is gone.`)
}
