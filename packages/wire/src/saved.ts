/** The part of the API about whole workspaces: moving them, backups, forks and templates. */
import { oc } from '@orpc/contract'
import { z } from 'zod'
import { SavedId, WorkspaceId } from './ids.ts'
import { Variables } from './variables.ts'
import { Exposure, Workspace, Resources } from './workspace.ts'

const tag = { tags: ['saved'] }
const ById = z.object({ id: WorkspaceId })

export const SavedKind = z.enum(['backup', 'template', 'fork', 'move'])
export type SavedKind = z.infer<typeof SavedKind>
/** A whole workspace as it was: its tree, its home and what its agents said, without logins and keys. */
export const SavedState = z.object({
  id: SavedId,
  kind: SavedKind,
  /** Of a template. */
  name: z.string().nullable(),
  workspaceId: WorkspaceId,
  workspaceName: z.string(),
  repository: z.string(),
  /** `saving`: not to be counted on yet. */
  state: z.enum(['saving', 'verified', 'failed']),
  /** How far it is, or why it failed. */
  detail: z.string().nullable(),
  /** Where it is kept. */
  place: z.string(),
  /** As it is kept. */
  sizeBytes: z.number().int(),
  files: z.number().int(),
  /** What stayed behind. */
  leftOut: z.array(z.string()),
  createdAt: z.number(),
  verifiedAt: z.number().nullable(),
  /** It is removed then. Null: it stays. */
  expiresAt: z.number().nullable(),
})
export type SavedState = z.infer<typeof SavedState>

export const TemplateName = z.string().regex(/^[a-z0-9][a-z0-9-]{0,38}$/, 'lower-case letters, digits and dashes, at most 39')
/** An id, or the name of a template. */
export const SavedRef = z.string().min(1).max(64)

export const RestoreRequest = z.object({
  ref: SavedRef,
  /** Absent: derived from the one it was. */
  name: TemplateName.optional(),
  provider: z.string().max(64).optional(),
  resources: Resources.optional(),
  prompt: z.string().max(256 * 1024).optional(),
  env: Variables.default({}),
  secretEnv: z.array(z.string().max(256)).max(2000).optional(),
  homeFiles: z.array(z.object({ path: z.string().max(1024), contentBase64: z.string().max(1024 * 1024) })).max(16).default([]),
  exposures: z.array(Exposure).max(16).default([]),
  ephemeral: z.boolean().default(false),
  acceptNoIsolation: z.boolean().default(false),
  /** Master keys of the server that made it, as its key file has them. A secret; used for this and kept nowhere. */
  keys: z.string().max(4096).optional(),
  idempotencyKey: z.string().max(64).optional(),
})
export type RestoreRequest = z.infer<typeof RestoreRequest>

export const savedApi = {
  moveWorkspace: oc.route({ method: 'POST', path: '/workspaces/{id}/move', summary: 'Go on with the same workspace on a machine of another provider', ...tag })
    .input(ById.extend({ provider: z.string().min(1).max(64), /** Else it waits for the end of the turn. */ interrupt: z.boolean().default(false) })).output(Workspace),
  cancelMove: oc.route({ method: 'DELETE', path: '/workspaces/{id}/move', summary: 'Stay where it is, as long as its machine has not been stopped for the move', ...tag }).input(ById).output(Workspace),
  saveWorkspace: oc.route({ method: 'POST', path: '/workspaces/{id}/backups', summary: 'Save the whole workspace; returns at once', ...tag })
    .input(ById.extend({ kind: z.enum(['backup', 'template', 'fork']).default('backup'), name: TemplateName.optional(), /** 0: it stays until it is removed. Absent: the server's default. */ keepMs: z.number().int().min(0).optional() })).output(SavedState),
  listSaved: oc.route({ method: 'GET', path: '/backups', summary: 'Saved workspaces, newest first', ...tag }).output(z.array(SavedState)),
  getSaved: oc.route({ method: 'GET', path: '/backups/{id}', summary: 'One saved workspace', ...tag }).input(z.object({ id: SavedId })).output(SavedState),
  removeSaved: oc.route({ method: 'DELETE', path: '/backups/{id}', summary: 'Remove a saved workspace', ...tag }).input(z.object({ id: SavedId })).output(z.object({ removed: z.boolean() })),
  restoreSaved: oc.route({ method: 'POST', path: '/backups/restore', summary: 'Make a workspace that begins as a saved one was', ...tag }).input(RestoreRequest).output(Workspace),
}
