/** What the server asks the daemon about files, commands and screens. No contract of the API here: the daemon carries this. */
import { z } from 'zod'

const Path = z.string().min(1).max(4096)

export const READ_LIMIT_BYTES = 1024 * 1024
/** As text of a message of the link, quoted. */
export const WRITE_LIMIT_BYTES = 256 * 1024
export const UPLOAD_LIMIT_BYTES = 32 * 1024 * 1024
/** Where things dropped into the chat go, below the home: not part of the code. */
export const UPLOAD_DIR = '.berth/uploads'

export const FileEntry = z.object({ path: Path, kind: z.enum(['file', 'directory', 'symlink', 'submodule']), sizeBytes: z.number().int().nullable(), change: z.enum(['added', 'modified', 'deleted', 'untracked']).nullable() })
export type FileEntry = z.infer<typeof FileEntry>
export const FileContent = z.object({ path: Path, sizeBytes: z.number().int(), binary: z.boolean(), truncated: z.boolean(), /** Of a binary file: empty, but for images of a known type (`imageType`), base64. */ text: z.string(), imageType: z.string().nullable(), /** sha-256 of the bytes in hex, when all of them were read. Absent from an older daemon. */ sha256: z.string().optional() })
export type FileContent = z.infer<typeof FileContent>

/** What an `upload` stream answers when it has taken everything. */
export const UploadReply = z.union([z.object({ path: z.string() }), z.object({ error: z.object({ code: z.string(), message: z.string() }) })])

const Sha256 = z.string().regex(/^[0-9a-f]{64}$/)

/** Spread into `daemonMethods`. */
export const filesMethods = {
  'files.list': { params: z.object({ dir: z.string().max(4096), query: z.string().max(200).nullable(), limit: z.number().int().max(1000) }), result: z.object({ entries: z.array(FileEntry), truncated: z.boolean() }) },
  'files.read': { params: z.object({ path: Path, limitBytes: z.number().int().max(READ_LIMIT_BYTES) }), result: FileContent },
  /** Writes the whole file, if it is still as `expect` says: its sha-256, or null for one that must not be there yet. */
  'files.write': { params: z.object({ path: Path, text: z.string().max(WRITE_LIMIT_BYTES), expect: Sha256.nullable() }), result: z.object({ path: Path, sizeBytes: z.number().int(), sha256: Sha256 }) },
  'agent.commands': { params: z.object({}), result: z.array(z.object({ name: z.string(), description: z.string(), from: z.enum(['agent', 'project', 'user']) })) },
  'terminal.snapshot': { params: z.object({ terminalId: z.string().max(64) }), result: z.object({ ansi: z.string(), cols: z.number().int(), rows: z.number().int() }) },
} as const
