/**
 * Previews: a workspace's port at an origin of its own, `http://<port>--<workspace>.<base>`, so that its cookies and
 * scripts are nobody else's. Private by default: the visitor is signed in, or holds a share link of that one port.
 */
import { oc } from '@orpc/contract'
import { z } from 'zod'
import { WorkspaceId } from './ids.ts'

/** `private`: who is signed in. `link`: whoever opened the share link too. `public`: everybody who knows the address. */
export const PreviewAccess = z.enum(['private', 'link', 'public'])
export type PreviewAccess = z.infer<typeof PreviewAccess>

export const Preview = z.object({
  port: z.number().int(),
  /** Declared by `--port`, a devcontainer or the person; found: it listens and nobody named it. */
  from: z.enum(['declared', 'found']),
  label: z.string().nullable(),
  primary: z.boolean(),
  listening: z.boolean(),
  process: z.string().nullable(),
  access: PreviewAccess,
  /** The Host that the server sees. Absent from an older server, as the next one. */
  hostHeader: z.enum(['preview', 'localhost']).optional(),
  /** A visit starts the stopped workspace. */
  wake: z.boolean().optional(),
  url: z.string(),
})
export type Preview = z.infer<typeof Preview>

const ById = z.object({ id: WorkspaceId })
const ByPort = ById.extend({ port: z.coerce.number().int().min(1).max(65535) })
const tag = { tags: ['previews'] }

/** Spread into `api`. */
export const previewsApi = {
  listPreviews: oc.route({ method: 'GET', path: '/workspaces/{id}/previews', summary: 'Ports and where to open them', ...tag }).input(ById).output(z.array(Preview)),
  /** `hostHeader: 'localhost'`: for servers that insist on their own name. `wake`: a visit starts a stopped workspace. */
  setPreview: oc.route({ method: 'PUT', path: '/workspaces/{id}/previews/{port}', summary: 'Label, access and ways of one port', ...tag })
    .input(ByPort.extend({ label: z.string().max(64).optional(), primary: z.boolean().optional(), access: PreviewAccess.optional(), hostHeader: z.enum(['preview', 'localhost']).optional(), wake: z.boolean().optional() })).output(Preview),
  /** A fresh link; earlier ones of that port end. */
  sharePreview: oc.route({ method: 'POST', path: '/workspaces/{id}/previews/{port}/share', summary: 'A link that opens one port', ...tag }).input(ByPort).output(z.object({ url: z.string(), expiresAt: z.number().nullable() })),
}
