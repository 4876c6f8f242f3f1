import { BerthError } from '@berth/wire/error'
import type { GitPolicy, GitPolicyChange, RepositoryAccess } from '@berth/wire/git-policy'
import { command, one } from '../command.ts'
import { readRepositoryAccess } from '../git-access.ts'
import { table } from '../io.ts'
import { resolveWorkspace } from '../resolve.ts'

const VERBS = ['create', 'update', 'force', 'delete'] as const

export const gitAccess = command({
  name: 'git-access',
  summary: 'Look at what a workspace may do at git hosts, and change it while it runs',
  arguments: '<workspace>',
  options: {
    repo: { type: 'string', multiple: true, value: 'url[:read|write]', help: 'one more repository that it reaches with the kept credential (read)' },
    'no-repo': { type: 'string', multiple: true, value: 'url', help: 'takes one away' },
    branch: { type: 'string', value: 'branch', help: 'a branch beside its own that it may add to, and not rewrite; "" for none' },
    create: { type: 'string', multiple: true, value: 'pattern', help: 'refs that it may make, such as refs/heads/feature/*; {name} is the workspace' },
    update: { type: 'string', multiple: true, value: 'pattern', help: 'refs that it may move on' },
    force: { type: 'string', multiple: true, value: 'pattern', help: 'of those, refs that it may rewrite; "" for none' },
    delete: { type: 'string', multiple: true, value: 'pattern', help: 'refs that it may delete; "" for none' },
    tags: { type: 'string', value: 'on|off', help: 'whether it may push new tags' },
    profile: { type: 'string', value: 'standard|protected', help: 'protected: a push is kept at the server and looked at first; nothing is sent by git-lfs' },
    approval: { type: 'string', value: 'ask|none', help: 'of protected: whether a person allows each push' },
    workflows: { type: 'string', value: 'on|off|ask', help: 'whether files that a host runs by itself may change; ask: a person is asked about each such push (of protected)' },
    'max-file': { type: 'string', value: 'bytes', help: 'of protected: no file larger than this leaves' },
  },
  notes: 'Without options it shows what holds. A change counts from the next operation of git on. Its own branches are berth/<name>, berth/<name>-… and berth/<name>/….',
  examples: ['berth git-access demo', 'berth git-access demo --repo https://github.com/northquay/shared', 'berth git-access demo --branch main --profile protected', 'berth git-access demo --profile protected --approval none --workflows on'],
  parse({ values, positionals }) {
    const lists = Object.fromEntries(VERBS.flatMap((verb) => (values[verb] === undefined ? [] : [[verb, values[verb].filter((pattern) => pattern !== '')]])))
    const change: GitPolicyChange = {
      ...lists,
      ...(values.branch === undefined ? {} : { branch: values.branch === '' ? null : values.branch }),
      ...(values.tags === undefined ? {} : { tags: onOff('tags', values.tags) }),
      ...(values.workflows === undefined ? {} : workflowsOf(oneOf('workflows', values.workflows, ['on', 'off', 'ask'] as const))),
      ...(values.profile === undefined ? {} : { profile: oneOf('profile', values.profile, ['standard', 'protected'] as const) }),
      ...(values.approval === undefined ? {} : { approval: oneOf('approval', values.approval, ['ask', 'none'] as const) }),
      ...(values['max-file'] === undefined ? {} : { maxFileBytes: Number(values['max-file']) }),
    }
    return { word: one(positionals, 'workspace', 'git-access'), change, more: (values.repo ?? []).map((text) => readRepositoryAccess(text)), fewer: values['no-repo'] ?? [] }
  },
  async run({ connect, io, json, signal }, { word, change, more, fewer }) {
    const { client } = await connect()
    const { id } = await resolveWorkspace(client, word, signal)
    const before = await client.getGitPolicy({ id }, signal)
    const repositories = changed(before.repositories, more, fewer)
    const wanted: GitPolicyChange = { ...change, ...(more.length + fewer.length > 0 ? { repositories } : {}) }
    const policy = Object.keys(wanted).length === 0 ? before : await client.changeGitPolicy({ id, change: wanted }, signal)
    io.out(json ? JSON.stringify(policy) : shown(policy, io.style.dim))
  },
})

function changed(before: readonly RepositoryAccess[], more: readonly RepositoryAccess[], fewer: readonly string[]): RepositoryAccess[] {
  const gone = fewer.find((url) => !before.some((known) => known.url === url))
  if (gone !== undefined) throw new BerthError('not_found', `${gone} is not among its repositories`, { hint: '`berth git-access <workspace>` lists them' })
  return [...before.filter(({ url }) => !fewer.includes(url) && !more.some((one) => one.url === url)), ...more]
}

function shown(policy: GitPolicy, dim: (text: string) => string): string {
  const list = (patterns: readonly string[]): string => patterns.map((pattern) => pattern.replace(/^refs\/heads\//, '')).join(', ') || 'none'
  const kept = policy.profile === 'protected'
  const rows = [
    ['PROFILE', kept ? `protected: a push is looked at first${policy.approval === 'ask' ? ', and a person allows it' : ''}` : 'standard'],
    ...policy.repositories.map(({ url, access }) => ['REPOSITORY', `${url} (${access})`]),
    ['BRANCH', policy.branch ?? 'none beside its own'], ['CREATE', list(policy.create)], ['UPDATE', list(policy.update)], ['REWRITE', list(policy.force)], ['DELETE', list(policy.delete)], ['NEW TAGS', policy.tags ? 'yes' : 'no'],
    ...(kept ? [['WORKFLOWS', policy.workflows ? 'may change' : policy.askWorkflows ? 'may change when a person allows it' : 'may not change'], ['LARGEST FILE', `${policy.maxFileBytes} bytes`]] : []),
  ]
  return table(rows.map(([name = '', value = '']) => [dim(name), value])).join('\n')
}

const workflowsOf = (word: 'on' | 'off' | 'ask'): GitPolicyChange => ({ workflows: word === 'on', askWorkflows: word === 'ask' })
const onOff = (name: string, text: string): boolean => oneOf(name, text, ['on', 'off'] as const) === 'on'
function oneOf<T extends string>(name: string, text: string, words: readonly T[]): T {
  const found = words.find((word) => word === text)
  if (found === undefined) throw new BerthError('bad_request', `--${name} is not "${text}"`, { hint: words.join(' or ') })
  return found
}
