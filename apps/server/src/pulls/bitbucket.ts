/** Pull requests and commit statuses of Bitbucket Cloud, with the kept token (developer.atlassian.com/cloud/bitbucket/rest: pullrequests, commit-statuses, refs, repositories). */
import { BerthError } from '@berth/wire'
import type { CheckResult, PullRequest } from '@berth/wire/github'
import { z } from 'zod'
import type { AskHost, HostAnswer } from './host-api.ts'
import type { At, HostPulls } from './host-pulls.ts'

const Side = z.object({ branch: z.object({ name: z.string() }), repository: z.object({ full_name: z.string() }).nullable() })
const Pull = z.object({ id: z.number(), title: z.string(), state: z.enum(['OPEN', 'MERGED', 'DECLINED', 'SUPERSEDED']), draft: z.boolean().optional(), links: z.object({ html: z.object({ href: z.string() }) }), source: Side, destination: Side })
const Repository = z.object({ mainbranch: z.object({ name: z.string() }).nullish() })
const Branch = z.object({ target: z.object({ hash: z.string() }) })
const Status = z.object({ key: z.string(), name: z.string().nullish(), state: z.enum(['SUCCESSFUL', 'FAILED', 'INPROGRESS', 'STOPPED']), description: z.string().nullish(), url: z.string().nullish() })
const page = <T extends z.ZodType>(of: T) => z.object({ values: z.array(of) })

const CONCLUSIONS = { SUCCESSFUL: 'success', FAILED: 'failure', INPROGRESS: null, STOPPED: 'cancelled' } as const
const CLOUD = 'https://bitbucket.org'
const ANY = ['OPEN', 'MERGED', 'DECLINED', 'SUPERSEDED']
const SUMMARY_LIMIT = 2000

/** The API stands at a name of its own, to which the token of bitbucket.org belongs. */
export const apiOf = (origin: string): string => (origin === CLOUD ? 'https://api.bitbucket.org/2.0' : `${origin}/2.0`)

export function createBitbucketPulls(ask: AskHost): HostPulls {
  const asked = <T>(at: At, path: string, how: { answer: z.ZodType<T>; method?: 'POST'; body?: unknown }): Promise<HostAnswer<T>> =>
    ask({ origin: at.origin, url: `${apiOf(at.origin)}/repositories/${at.path}${path}`, authorization: ['authorization', authorizationOf(at)], ...how })
  const list = async (at: At, states: readonly string[], branch: string | null): Promise<PullRequest[]> => {
    const query = branch === null ? '' : `&q=${encodeURIComponent(`source.branch.name = ${quoted(branch)}`)}`
    const { values } = must(at, await asked(at, `/pullrequests?${states.map((state) => `state=${state}`).join('&')}${query}&sort=-created_on&pagelen=50`, { answer: page(Pull) }))
    return values.filter(({ source }) => branch === null || source.repository?.full_name.toLowerCase() === at.path.toLowerCase()).map(shown)
  }
  return {
    name: 'Bitbucket',
    defaultBranch: async (at) => must(at, await asked(at, '', { answer: Repository })).mainbranch?.name ?? null,
    ofBranch: (at, branch, state) => list(at, state === 'open' ? ['OPEN'] : ANY, branch),
    open: (at) => list(at, ['OPEN'], null),
    async create(at, { title, body, branch, base, draft }) {
      const made = await asked(at, '/pullrequests', { method: 'POST', body: { title, description: body, source: { branch: { name: branch } }, destination: { branch: { name: base } }, ...(draft ? { draft } : {}) }, answer: Pull })
      if (made.ok) return { ok: true, value: shown(made.value) }
      return made.status === 401 || made.status === 403 ? must(at, made) : { ok: false, message: made.message }
    },
    async commitOf(at, branch) {
      // By a filter: in a path, a name with a slash in it would be two parts.
      const { values: [found] } = must(at, await asked(at, `/refs/branches?q=${encodeURIComponent(`name = ${quoted(branch)}`)}&pagelen=1`, { answer: page(Branch) }))
      return found?.target.hash ?? null
    },
    async checks(at, { commit }) {
      const { values } = must(at, await asked(at, `/commit/${commit}/statuses?pagelen=100`, { answer: page(Status) }))
      return values.map(({ key, name, state, description, url }): CheckResult => ({ name: name ?? key, conclusion: CONCLUSIONS[state], summary: (description ?? '').slice(0, SUMMARY_LIMIT), url: url ?? null }))
    },
  }
}

/** In their filters; no branch's name has such marks. */
const quoted = (text: string): string => `"${text.replaceAll(/["\\]/g, '')}"`

/** An access token comes alone; one of a person comes with their name. */
const authorizationOf = ({ username, token }: At): string => (username === 'x-token-auth' ? `Bearer ${token}` : `Basic ${Buffer.from(`${username}:${token}`).toString('base64')}`)

const shown = ({ id, title, state, draft, links, source, destination }: z.infer<typeof Pull>): PullRequest =>
  ({ number: id, title, state: state === 'OPEN' ? 'open' : state === 'MERGED' ? 'merged' : 'closed', draft: draft ?? false, url: links.html.href, head: source.branch.name, base: destination.branch.name })

function must<T>({ origin, path }: At, answer: HostAnswer<T>): T {
  if (answer.ok) return answer.value
  const { status, message } = answer
  if (status === 401) throw new BerthError('unauthorized', `${origin} does not take the kept token any more`, { hint: `keep another one: \`berth git-host add ${origin} --type bitbucket < token.txt\`` })
  if (status === 403) throw new BerthError('forbidden', `${origin} does not let the kept token do that: ${message}`, { hint: 'it needs to read and write repositories and pull requests' })
  if (status === 404) throw new BerthError('not_found', `there is no repository ${path} at ${origin}, or the kept token may not see it`)
  throw new BerthError('conflict', `${origin} answered ${status}: ${message}`)
}
