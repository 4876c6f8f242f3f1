/** The words of who may do what. What each of them may is a table of core's (`core/access`). */
import { z } from 'zod'

/** In an organisation. A guest came by a repository's collaborators and sees the workspaces of such repositories only. */
export const Role = z.enum(['owner', 'member', 'viewer', 'guest'])
export type Role = z.infer<typeof Role>
/** What a token has of its user's rights: looking, working, everything. */
export const Scope = z.enum(['read', 'write', 'all'])
export type Scope = z.infer<typeof Scope>
/** In one workspace, each with those before: to look, to visit its previews, to act, to decide about the workspace itself. */
export const Level = z.enum(['look', 'visit', 'act', 'own'])
export type Level = z.infer<typeof Level>
