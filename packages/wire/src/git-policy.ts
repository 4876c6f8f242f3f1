/** What a workspace may do with repositories of git hosts. It holds names and patterns, never a credential. */
import { z } from 'zod'

/** `*` stands for anything, `/` too; `{name}` for the workspace's name. */
export const RefPattern = z.string().regex(/^refs\/(?:heads|tags)\/[A-Za-z0-9._\-/*{}]{1,200}$/)
const patterns = z.array(RefPattern).max(50)
export const RepositoryAccess = z.object({
  /** https, http, ssh or scp form; kept as it was given. */
  url: z.string().min(1).max(1000),
  access: z.enum(['read', 'write']),
})
export type RepositoryAccess = z.infer<typeof RepositoryAccess>

/** The branches that carry the workspace's name. */
export const OWN_BRANCHES = ['refs/heads/berth/{name}', 'refs/heads/berth/{name}-*', 'refs/heads/berth/{name}/*']
export const GitPolicy = z.object({
  /** Beside the one that the workspace was made from, which it may read and write. */
  repositories: z.array(RepositoryAccess).max(50).default([]),
  /** A branch that it may make and move on, and not rewrite. */
  branch: z.string().regex(/^[A-Za-z0-9._\-/]{1,200}$/).nullable().default(null),
  create: patterns.default(OWN_BRANCHES),
  update: patterns.default(OWN_BRANCHES),
  /** Of those that may be updated: may be rewritten, too. */
  force: patterns.default(OWN_BRANCHES),
  delete: patterns.default([]),
  /** New tags. */
  tags: z.boolean().default(false),
  /** `protected`: a push is kept here and looked at before anything of it leaves. */
  profile: z.enum(['standard', 'protected']).default('standard'),
  /** Of `protected`: a person allows each push. */
  approval: z.enum(['ask', 'none']).default('ask'),
  /** Files that a host runs by itself, such as `.github/workflows`, may be changed; without it `protected` keeps them here, and an app's token at GitHub cannot. */
  workflows: z.boolean().default(false),
  /** Of `protected`: where they may not, a person is asked about each push that changes some. */
  askWorkflows: z.boolean().default(false),
  /** Of `protected`. */
  maxFileBytes: z.number().int().min(1).max(2 * 1024 ** 3).default(50 * 1024 * 1024),
})
export type GitPolicy = z.infer<typeof GitPolicy>
/** What is changed; the rest stays. */
export const GitPolicyChange = z.object({
  repositories: z.array(RepositoryAccess).max(50), branch: GitPolicy.shape.branch.unwrap(), create: patterns, update: patterns, force: patterns, delete: patterns,
  tags: z.boolean(), profile: z.enum(['standard', 'protected']), approval: z.enum(['ask', 'none']), workflows: z.boolean(), askWorkflows: z.boolean(), maxFileBytes: GitPolicy.shape.maxFileBytes.unwrap(),
}).partial()
export type GitPolicyChange = z.infer<typeof GitPolicyChange>
