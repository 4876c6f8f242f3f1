import type { PullRequest, PullStatus } from '@berth/wire/github'
import { BerthError } from '@berth/wire/error'
import { cleanLine } from '../clean.ts'
import { atMost, command } from '../command.ts'
import type { Context } from '../context.ts'
import { table } from '../io.ts'
import { resolveWorkspace } from '../resolve.ts'

const VERBS = ['create', 'list', 'status', 'watch'] as const
const LINE = 100

export const pr = command({
  name: 'pr',
  summary: "Open a pull request of a workspace's commits, and see what its checks say",
  arguments: '<create | list | status | watch> <workspace>',
  options: {
    title: { type: 'string', value: 'text', help: 'without it, the first line of the last commit' },
    body: { type: 'string', value: 'text', help: 'what the pull request says' },
    base: { type: 'string', value: 'branch', help: 'where it is to go; without it, the branch that the workspace came from' },
    draft: { type: 'boolean', help: 'not to be looked at yet' },
    tell: { type: 'boolean', help: 'with status: say to the agent what the checks say' },
    off: { type: 'boolean', help: 'with watch: no longer' },
  },
  notes: 'The workspace pushes what it has committed to berth/<name>; the pull request is opened by the server, with the GitHub\napp of `berth setup github-app`, or the kept token of a GitLab or a Bitbucket (`berth git-host add`). `status` exits with 1 when a check failed. `watch` tells the agent by itself when one does,\nonce for each commit: at once where GitHub\'s webhooks reach the server, else when it asks, every two minutes.',
  examples: ['berth pr create demo', 'berth pr create demo --title "Count in cents" --draft', 'berth pr status demo --tell', 'berth pr watch demo', 'berth pr list demo'],
  parse({ values, positionals }) {
    atMost(2, positionals, 'pr')
    const verb = VERBS.find((known) => known === positionals[0])
    const word = positionals[1]
    if (verb === undefined || word === undefined) throw new BerthError('bad_request', verb === undefined ? `pr has no "${positionals[0] ?? ''}"` : 'of which workspace?', { hint: 'berth pr create <workspace>' })
    return { verb, word, title: values.title, body: values.body ?? '', base: values.base, draft: values.draft === true, tell: values.tell === true, off: values.off === true }
  },
  async run(context, { verb, word, title, body, base, draft, tell, off }) {
    const { io, json, signal } = context
    const { client } = await context.connect()
    const { id, name } = await resolveWorkspace(client, word, signal)
    if (verb === 'status') {
      showStatus(context, name, await client.pullStatus({ id }, signal))
      return tell ? said(context, name, await client.tellChecks({ id }, signal)) : undefined
    }
    if (verb === 'watch') {
      const watched = await client.watchPull({ id, tell: !off }, signal)
      return io.out(json ? JSON.stringify(watched) : watched.tell ? `The agent of ${name} is told when a check of its branch fails.` : `The agent of ${name} is told of checks only when you say so: \`berth pr status ${name} --tell\`.`)
    }
    if (verb === 'list') return showList(context, await client.listPulls({ id }, signal))
    const made = await client.createPull({ id, body, draft, ...(title === undefined ? {} : { title }), ...(base === undefined ? {} : { base }) }, signal)
    io.out(json ? JSON.stringify(made) : `${io.style.green('✓')} #${made.number} ${cleanLine(made.title, LINE)}\n  ${cleanLine(made.url, 300)}`)
  },
})

function said({ io, json }: Context, name: string, { status }: { status: string }): void {
  if (!json) io.note(status === 'queued' ? `The agent of ${name} is told when it can be reached.` : `The agent of ${name} is told.`)
}

function showList({ io, json }: Context, pulls: readonly PullRequest[]): void {
  if (json) return io.out(JSON.stringify(pulls))
  if (pulls.length === 0) return io.note('No open pull request.')
  const [header = '', ...lines] = table([['NUMBER', 'TITLE', 'BRANCH', 'ADDRESS'], ...pulls.map(({ number, title, head, url }) => [`#${number}`, cleanLine(title, LINE), cleanLine(head, 60), cleanLine(url, 300)])])
  io.out([io.style.dim(header), ...lines].join('\n'))
}

const WORDS: Readonly<Record<PullStatus['checks'], string>> = { none: 'no check has begun', running: 'checks are running', passed: 'all checks passed', failed: 'a check failed' }
function showStatus({ io, json, exitWith }: Context, name: string, status: PullStatus): void {
  const { branch, commit, pull, checks, results } = status
  if (checks === 'failed') exitWith(1)
  if (json) return io.out(JSON.stringify(status))
  if (commit === null) return io.note(`${branch} is not at its git host. \`berth pr create ${name}\` pushes it.`)
  const about = pull === null ? `no pull request; \`berth pr create ${name}\` opens one` : `#${pull.number} ${pull.state}  ${cleanLine(pull.title, LINE)}\n  ${cleanLine(pull.url, 300)}`
  const marks = results.map(({ name: check, conclusion, summary }) => `  ${conclusion === null ? '…' : conclusion === 'success' ? io.style.green('✓') : conclusion === 'failure' ? io.style.red('✗') : '·'} ${cleanLine(check, 60)}  ${io.style.dim(cleanLine(summary, LINE))}`)
  io.out([`${branch} ${commit.slice(0, 10)}: ${WORDS[checks]}`, about, ...marks].join('\n'))
}
