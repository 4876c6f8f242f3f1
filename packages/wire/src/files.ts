/** The tree of a workspace for people who look: find, read, put in. Read as the agent's user, never outside the tree. */
import { oc } from '@orpc/contract'
import { z } from 'zod'
import { WorkspaceId } from './ids.ts'

const tag = { tags: ['files'] }
const ById = z.object({ id: WorkspaceId })
const Path = z.string().min(1).max(4096)

export const READ_LIMIT_BYTES = 1024 * 1024
export const UPLOAD_LIMIT_BYTES = 32 * 1024 * 1024
/** Where things dropped into the chat go, below the home: not part of the code. */
export const UPLOAD_DIR = '.berth/uploads'

export const FileEntry = z.object({ path: Path, kind: z.enum(['file', 'directory', 'symlink', 'submodule']), sizeBytes: z.number().int().nullable(), change: z.enum(['added', 'modified', 'deleted', 'untracked']).nullable() })
export type FileEntry = z.infer<typeof FileEntry>
export const FileContent = z.object({ path: Path, sizeBytes: z.number().int(), binary: z.boolean(), truncated: z.boolean(), /** Of a binary file: empty, but for images of a known type (`imageType`), base64. */ text: z.string(), imageType: z.string().nullable() })
export type FileContent = z.infer<typeof FileContent>
export const ListeningPort = z.object({ port: z.number().int(), process: z.string().nullable(), since: z.number(), url: z.string().nullable() })

/** Spread into `api`. */
export const filesApi = {
  /** Entries of one directory (`dir`, '' is the root), or the best fuzzy matches of `query` over the whole tree. */
  listFiles: oc.route({ method: 'GET', path: '/workspaces/{id}/files', summary: 'Look into the tree', ...tag }).input(ById.extend({ dir: z.string().max(4096).default(''), query: z.string().max(200).optional(), limit: z.coerce.number().int().min(1).max(1000).default(200) })).output(z.object({ entries: z.array(FileEntry), truncated: z.boolean() })),
  readFile: oc.route({ method: 'GET', path: '/workspaces/{id}/files/content', summary: 'Read a file', ...tag }).input(ById.extend({ path: Path })).output(FileContent),
  /** Bytes come by PUT to UPLOAD_PATH beside the contract; the path inside is what a message may name. */
  listPorts: oc.route({ method: 'GET', path: '/workspaces/{id}/ports', summary: 'What listens in the workspace', ...tag }).input(ById).output(z.array(ListeningPort)),
  /** The agent's own slash commands, with the project's. */
  listCommands: oc.route({ method: 'GET', path: '/workspaces/{id}/commands', summary: "The agent's slash commands", ...tag }).input(ById).output(z.array(z.object({ name: z.string(), description: z.string(), from: z.enum(['agent', 'project', 'user']) }))),
  /** The screen with its colours as ANSI text; nothing is attached. */
  terminalSnapshot: oc.route({ method: 'GET', path: '/workspaces/{id}/terminals/{terminalId}/snapshot', summary: 'The screen of a terminal', ...tag }).input(ById.extend({ terminalId: z.string().max(64) })).output(z.object({ ansi: z.string(), cols: z.number().int(), rows: z.number().int() })),
}
/** PUT, the bytes; `?name=` the file's own name. → {path} inside the workspace, absolute. */
export const UPLOAD_PATH = (id: WorkspaceId) => `/api/v1/workspaces/${id}/uploads`

/** Spread into `daemonMethods`. */
export const filesMethods = {
  'files.list': { params: z.object({ dir: z.string().max(4096), query: z.string().max(200).nullable(), limit: z.number().int().max(1000) }), result: z.object({ entries: z.array(FileEntry), truncated: z.boolean() }) },
  'files.read': { params: z.object({ path: Path, limitBytes: z.number().int().max(READ_LIMIT_BYTES) }), result: FileContent },
  'agent.commands': { params: z.object({}), result: z.array(z.object({ name: z.string(), description: z.string(), from: z.enum(['agent', 'project', 'user']) })) },
  'terminal.snapshot': { params: z.object({ terminalId: z.string().max(64) }), result: z.object({ ansi: z.string(), cols: z.number().int(), rows: z.number().int() }) },
} as const
