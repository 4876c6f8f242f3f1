/** What was found out about a commit, from GitHub's two kinds of it, as one. Pure. */
import type { CheckResult, PullStatus } from '@berth/wire/github'
import { z } from 'zod'

export const Runs = z.object({ check_runs: z.array(z.object({ name: z.string(), status: z.string(), conclusion: z.string().nullable(), html_url: z.string().nullable(), output: z.object({ title: z.string().nullable(), summary: z.string().nullable() }) })) })
export const Statuses = z.object({ sha: z.string(), statuses: z.array(z.object({ context: z.string(), state: z.enum(['error', 'failure', 'pending', 'success']), description: z.string().nullable(), target_url: z.string().nullable() })) })

const SUMMARY_LIMIT = 2000
const GOOD = new Set(['success', 'neutral', 'skipped'])

export function resultsOf(runs: z.infer<typeof Runs>['check_runs'], statuses: z.infer<typeof Statuses>['statuses']): CheckResult[] {
  return [
    ...runs.map(({ name, status, conclusion, html_url: url, output }) => ({ name, conclusion: status === 'completed' ? (conclusion ?? 'neutral') : null, summary: (output.summary ?? output.title ?? '').slice(0, SUMMARY_LIMIT), url })),
    ...statuses.map(({ context, state, description, target_url: url }) => ({ name: context, conclusion: state === 'pending' ? null : state === 'error' ? 'failure' : state, summary: (description ?? '').slice(0, SUMMARY_LIMIT), url })),
  ]
}

/** One that failed tells, also while others run. */
export function passedOf(results: readonly CheckResult[]): PullStatus['checks'] {
  if (results.length === 0) return 'none'
  if (results.some(({ conclusion }) => conclusion !== null && !GOOD.has(conclusion))) return 'failed'
  return results.some(({ conclusion }) => conclusion === null) ? 'running' : 'passed'
}
