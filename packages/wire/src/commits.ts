/** Who the commits of a person's workspaces are by, and what signs them. A signing key is made by the server and never leaves it. */
import { oc } from '@orpc/contract'
import { z } from 'zod'

/** What git takes for a name or an address: one line without its own marks. */
const line = z.string().trim().min(1).max(200).regex(/^[^<>\p{Cc}\p{Cf}]+$/u)
const Email = line.regex(/^[^\s@]+@[^\s@]+$/)
export const CommitIdentity = z.object({
  name: z.string(), email: z.string(),
  /** `person`: they said so. `git`: as the git of their own machine has it. `sign-in`: by who they are at GitHub. `none`: nothing is known, their name here stands for it. */
  from: z.enum(['person', 'git', 'sign-in', 'none']),
  /** Each commit says that it was made in a workspace. */
  coAuthor: z.boolean(),
  signingKey: z.object({ /** To be added to their account at the git host, as a signing key. */ publicKey: z.string(), addedAt: z.number(), lastUsedAt: z.number().nullable() }).nullable(),
})
export type CommitIdentity = z.infer<typeof CommitIdentity>
/** What a workspace's git is told. */
export const AssignedCommits = z.object({ name: z.string(), email: z.string(), coAuthor: z.string().nullable(), signingKey: z.string().nullable() })
export type AssignedCommits = z.infer<typeof AssignedCommits>

const tag = { tags: ['commits'] }
/** Spread into `api`. */
export const commitsApi = {
  getCommitIdentity: oc.route({ method: 'GET', path: '/commit-identity', summary: 'Who your commits are by', ...tag }).output(CommitIdentity),
  /** `found`: name and address as a program found them; they replace nothing that the person said. */
  setCommitIdentity: oc.route({ method: 'PATCH', path: '/commit-identity', summary: 'Say who your commits are by', ...tag })
    .input(z.object({ name: line.optional(), email: Email.optional(), coAuthor: z.boolean().optional(), found: z.boolean().default(false) })).output(CommitIdentity),
  makeSigningKey: oc.route({ method: 'POST', path: '/signing-key', summary: 'Make the key that signs your commits', ...tag }).input(z.object({})).output(CommitIdentity),
  removeSigningKey: oc.route({ method: 'DELETE', path: '/signing-key', summary: 'Forget the key that signs your commits', ...tag }).input(z.object({})).output(CommitIdentity),
}
