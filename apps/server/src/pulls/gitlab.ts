/** Merge requests and pipelines of GitLab, with the kept token (docs.gitlab.com/api: merge_requests, commits, pipelines, projects). */
import { BerthError } from '@berth/wire'
import type { CheckResult, PullRequest } from '@berth/wire/github'
import { z } from 'zod'
import type { AskHost, HostAnswer } from './host-api.ts'
import type { At, HostPulls, NewHostPull } from './host-pulls.ts'

const Merge = z.object({
  iid: z.number(), title: z.string(), state: z.enum(['opened', 'closed', 'locked', 'merged']), web_url: z.string(), source_branch: z.string(), target_branch: z.string(),
  /** Older ones call it work in progress. */
  draft: z.boolean().optional(), work_in_progress: z.boolean().optional(), source_project_id: z.number().nullable(), target_project_id: z.number(),
})
const Project = z.object({ default_branch: z.string().nullable() })
const Branch = z.object({ commit: z.object({ id: z.string() }) })
const Status = z.object({ name: z.string(), status: z.string(), description: z.string().nullable(), target_url: z.string().nullable(), allow_failure: z.boolean() })
const Pipeline = z.object({ status: z.string(), web_url: z.string().nullable() })

/** Still to come; a job that waits for a person's press is not. */
const RUNNING = new Set(['created', 'waiting_for_resource', 'preparing', 'pending', 'running', 'scheduled', 'waiting_for_callback', 'canceling'])
const CONCLUSIONS: Readonly<Record<string, string>> = { success: 'success', failed: 'failure', canceled: 'cancelled', skipped: 'skipped', manual: 'neutral' }
const SUMMARY_LIMIT = 2000
const DRAFT = /^\s*(?:\[draft\]|\(draft\)|draft:)/i

export function createGitLabPulls(ask: AskHost): HostPulls {
  const asked = <T>(at: At, path: string, how: { answer: z.ZodType<T>; method?: 'POST'; body?: unknown }): Promise<HostAnswer<T>> =>
    ask({ origin: at.origin, url: `${at.origin}/api/v4/projects/${encodeURIComponent(at.path)}${path}`, authorization: ['private-token', at.token], ...how })
  const list = async (at: At, query: string): Promise<PullRequest[]> => {
    const found = must(at, await asked(at, `/merge_requests?${query}&per_page=100`, { answer: z.array(Merge) }))
    // One of a fork has another branch of that name.
    return found.filter(({ source_project_id: from, target_project_id: to }) => !query.includes('source_branch') || from === to).map(shown)
  }
  return {
    name: 'GitLab',
    defaultBranch: async (at) => must(at, await asked(at, '', { answer: Project })).default_branch,
    ofBranch: (at, branch, state) => list(at, `state=${state === 'open' ? 'opened' : 'all'}&source_branch=${encodeURIComponent(branch)}`),
    open: (at) => list(at, 'state=opened'),
    async create(at, { title, body, branch, base, draft }: NewHostPull) {
      const made = await asked(at, '/merge_requests', { method: 'POST', body: { source_branch: branch, target_branch: base, title: draft && !DRAFT.test(title) ? `Draft: ${title}` : title, description: body }, answer: Merge })
      if (made.ok) return { ok: true, value: shown(made.value) }
      return made.status === 401 || made.status === 403 ? must(at, made) : { ok: false, message: made.message }
    },
    async commitOf(at, branch) {
      const found = await asked(at, `/repository/branches/${encodeURIComponent(branch)}`, { answer: Branch })
      return !found.ok && found.status === 404 ? null : must(at, found).commit.id
    },
    async checks(at, { commit, branch }) {
      const statuses = must(at, await asked(at, `/repository/commits/${commit}/statuses?ref=${encodeURIComponent(branch)}&per_page=100`, { answer: z.array(Status) }))
      if (statuses.length > 0) return statuses.map(resultOf)
      // One that could not be begun has no jobs, and says so itself.
      const [pipeline] = must(at, await asked(at, `/pipelines?sha=${commit}&ref=${encodeURIComponent(branch)}&per_page=1`, { answer: z.array(Pipeline) }))
      return pipeline === undefined ? [] : [resultOf({ name: 'pipeline', status: pipeline.status, description: null, target_url: pipeline.web_url, allow_failure: false })]
    },
  }
}

function resultOf({ name, status, description, target_url: url, allow_failure: mayFail }: z.infer<typeof Status>): CheckResult {
  const conclusion = RUNNING.has(status) ? null : (CONCLUSIONS[status] ?? 'neutral')
  return { name, conclusion: conclusion === 'failure' && mayFail ? 'neutral' : conclusion, summary: (description ?? '').slice(0, SUMMARY_LIMIT), url }
}

const shown = ({ iid, title, state, web_url: url, source_branch: head, target_branch: base, draft, work_in_progress: wip }: z.infer<typeof Merge>): PullRequest =>
  ({ number: iid, title, state: state === 'merged' ? 'merged' : state === 'opened' || state === 'locked' ? 'open' : 'closed', draft: draft ?? wip ?? false, url, head, base })

function must<T>({ origin, path }: At, answer: HostAnswer<T>): T {
  if (answer.ok) return answer.value
  const { status, message } = answer
  if (status === 401) throw new BerthError('unauthorized', `${origin} does not take the kept token any more`, { hint: `keep another one: \`berth git-host add ${origin} --type gitlab < token.txt\`` })
  if (status === 403) throw new BerthError('forbidden', `${origin} does not let the kept token do that: ${message}`, { hint: 'merge requests need the scope api; git goes with read_repository and write_repository' })
  if (status === 404) throw new BerthError('not_found', `there is no project ${path} at ${origin}, or the kept token may not see it`, { hint: 'to read it by the API the token needs the scope api, or read_api' })
  throw new BerthError('conflict', `${origin} answered ${status}: ${message}`)
}
