/** What the server asks of a daemon so that a person's code comes to it. */
import { z } from 'zod'

/**
 * What becomes of a file that both sides changed. `refuse`: nothing is done at all. `merge`: line by line, and refuse what
 * does not merge. `keep`: the workspace's stays. `force`: the person's comes; the other is in the checkpoint.
 */
export const PushStrategy = z.enum(['refuse', 'merge', 'keep', 'force'])
export type PushStrategy = z.infer<typeof PushStrategy>

export const PushOutcome = z.object({
  /** Files that were changed in the workspace. */
  files: z.number().int(),
  /** What the tree was before; null: no file changed. */
  checkpoint: z.string().nullable(),
  /** `moved`: the branch is at the person's commit now; `merged`: at a merge with it. */
  head: z.enum(['kept', 'moved', 'merged']),
  /** Where the agent's commits stayed when the branch was forced off them. */
  keptBranch: z.string().nullable(),
  /** Files where the workspace's stayed (`keep`), as texts of `pathText`, at most 200. */
  kept: z.array(z.string()),
  keptTotal: z.number().int(),
})
export type PushOutcome = z.infer<typeof PushOutcome>

export const UpdateOutcome = z.object({ how: z.enum(['none', 'fast-forward', 'rebase']), /** New ones of the origin. */ commits: z.number().int(), files: z.number().int(), checkpoint: z.string().nullable() })
export type UpdateOutcome = z.infer<typeof UpdateOutcome>

/** Spread into `daemonMethods`. */
export const syncMethods = {
  /** Repeating it with the same `key` changes nothing more. */
  'git.take': {
    params: z.object({ key: z.string().max(64), commit: z.string().regex(/^[0-9a-f]{40,64}$/), strategy: PushStrategy }),
    /** An expected refusal is a value: the link's errors carry no details. */
    result: z.discriminatedUnion('ok', [
      z.object({ ok: z.literal(true), outcome: PushOutcome }),
      z.object({ ok: z.literal(false), why: z.enum(['files', 'commits', 'merging', 'unrelated']), files: z.array(z.string()).max(200), total: z.number().int() }),
    ]),
  },
  /** Whether that commit is in what the workspace has checked out. */
  'git.contains': { params: z.object({ commit: z.string().regex(/^[0-9a-f]{40,64}$/) }), result: z.object({ contains: z.boolean() }) },
  /** From `origin`, by its own git. Repeating it with the same `key` changes nothing more. */
  'git.update': {
    params: z.object({ key: z.string().max(64), branch: z.string().min(1).max(255) }),
    result: z.discriminatedUnion('ok', [
      z.object({ ok: z.literal(true), outcome: UpdateOutcome }),
      z.object({ ok: z.literal(false), why: z.enum(['dirty', 'merging', 'conflicts']), files: z.array(z.string()).max(200) }),
    ]),
  },
} as const
