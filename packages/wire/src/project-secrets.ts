/** Secrets of a project: every workspace made from it gets them. A value is written and never given back. */
import { oc } from '@orpc/contract'
import { z } from 'zod'
import { isProductsVariable, PRODUCTS_VARIABLE } from './secret-places.ts'
import { endsNowhere, NO_VARIABLE } from './variables.ts'

/** `env`: a variable of every process. `file`: ~/.secrets/<name>, for its owner alone. */
export const SecretKind = z.enum(['env', 'file'])
export type SecretKind = z.infer<typeof SecretKind>

export const ProjectSecret = z.object({
  /** The repository as workspaces are known by it: `host/owner/name`, or a directory. */
  project: z.string(), name: z.string(), kind: SecretKind, updatedAt: z.number(),
})
export type ProjectSecret = z.infer<typeof ProjectSecret>

const Name = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,99}$/, 'letters, digits and underscores')
const Project = z.string().min(1).max(2048)
const tag = { tags: ['secrets'] }
/** Spread into `api`. */
export const projectSecretsApi = {
  listProjectSecrets: oc.route({ method: 'GET', path: '/project-secrets', summary: 'Names of the secrets of projects', ...tag }).output(z.array(ProjectSecret)),
  /** `project`: a git url in any of its forms, or the directory that workspaces are made from. Workspaces that run get it with their next start. */
  setProjectSecret: oc.route({ method: 'PUT', path: '/project-secrets', summary: 'Keep a secret of a project', ...tag })
    .input(z.object({ project: Project, name: Name, kind: SecretKind.default('env'), value: z.string().min(1).max(64 * 1024) }).refine(({ kind, value }) => kind === 'file' || endsNowhere(value), { path: ['value'], message: NO_VARIABLE }).refine(({ kind, name }) => kind === 'file' || !isProductsVariable(name), { path: ['name'], message: PRODUCTS_VARIABLE })).output(ProjectSecret),
  removeProjectSecret: oc.route({ method: 'POST', path: '/project-secrets/remove', summary: 'Forget a secret of a project', ...tag }).input(z.object({ project: Project, name: Name })).output(z.object({ removed: z.boolean() })),
}
