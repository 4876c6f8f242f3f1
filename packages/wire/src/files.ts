/** The tree of a workspace for people who look: find, read, put in. Read as the agent's user, never outside the tree. */
import { oc } from '@orpc/contract'
import { z } from 'zod'
import { FileContent, FileEntry, filesMethods } from './files-methods.ts'
import { WorkspaceId } from './ids.ts'

export { FileContent, FileEntry, filesMethods, READ_LIMIT_BYTES, WRITE_LIMIT_BYTES, UPLOAD_DIR, UPLOAD_LIMIT_BYTES } from './files-methods.ts'

const tag = { tags: ['files'] }
const ById = z.object({ id: WorkspaceId })
const Path = z.string().min(1).max(4096)

export const ListeningPort = z.object({ port: z.number().int(), process: z.string().nullable(), since: z.number(), url: z.string().nullable() })

/** Spread into `api`. */
export const filesApi = {
  /** Entries of one directory (`dir`, '' is the root), or the best fuzzy matches of `query` over the whole tree. */
  listFiles: oc.route({ method: 'GET', path: '/workspaces/{id}/files', summary: 'Look into the tree', ...tag }).input(ById.extend({ dir: z.string().max(4096).default(''), query: z.string().max(200).optional(), limit: z.coerce.number().int().min(1).max(1000).default(200) })).output(z.object({ entries: z.array(FileEntry), truncated: z.boolean() })),
  readFile: oc.route({ method: 'GET', path: '/workspaces/{id}/files/content', summary: 'Read a file', ...tag }).input(ById.extend({ path: Path })).output(FileContent),
  /** As the agent's user. 409 `conflict` when the file is another than `expect` (the `sha256` that was read; null: none is to be there). */
  writeFile: oc.route({ method: 'PUT', path: '/workspaces/{id}/files/content', summary: 'Write a file', ...tag }).input(ById.extend(filesMethods['files.write'].params.shape)).output(filesMethods['files.write'].result),
  /** Bytes come by PUT to UPLOAD_PATH beside the contract; the path inside is what a message may name. */
  listPorts: oc.route({ method: 'GET', path: '/workspaces/{id}/ports', summary: 'What listens in the workspace', ...tag }).input(ById).output(z.array(ListeningPort)),
  /** The agent's own slash commands, with the project's. */
  listCommands: oc.route({ method: 'GET', path: '/workspaces/{id}/commands', summary: "The agent's slash commands", ...tag }).input(ById).output(z.array(z.object({ name: z.string(), description: z.string(), from: z.enum(['agent', 'project', 'user']) }))),
  /** The screen with its colours as ANSI text; nothing is attached. */
  terminalSnapshot: oc.route({ method: 'GET', path: '/workspaces/{id}/terminals/{terminalId}/snapshot', summary: 'The screen of a terminal', ...tag }).input(ById.extend({ terminalId: z.string().max(64) })).output(z.object({ ansi: z.string(), cols: z.number().int(), rows: z.number().int() })),
}
/** PUT, the bytes; `?name=` the file's own name. → {path} inside the workspace, absolute. */
export const UPLOAD_PATH = (id: WorkspaceId) => `/api/v1/workspaces/${id}/uploads`
