/**
 * What the server asks the daemon about the tree. Patches and lists are bytes, packed by `git-bytes.ts`; file names are
 * texts of `pathText`. Repeating a call with the same `key` changes nothing more.
 */
import { z } from 'zod'

const tree = z.string().regex(/^[0-9a-f]{40,64}$/)
const Path = z.string().min(1).max(16 * 1024)
const Packed = z.string().max(1024 * 1024)
/** Unpacked. */
export const PATCH_LIMIT_BYTES = 4 * 1024 * 1024

/** What stands at a path of a tree. Null: nothing. */
export const TreeEntry = z.object({ mode: z.string().regex(/^[0-7]{6}$/), oid: tree }).nullable()
export type TreeEntry = z.infer<typeof TreeEntry>
/** Only where `from` is there: a path that holds something else is a conflict. */
export const TreeMove = z.object({ path: Path, from: TreeEntry, to: TreeEntry })
export type TreeMove = z.infer<typeof TreeMove>
const Moves = z.array(TreeMove).max(10_000).default([])

/** Spread into `daemonMethods`. */
export const reviewMethods = {
  /** Writes the worktree as a tree (side index), mirrors nothing. `against` null: since the source. */
  'review.read': {
    params: z.object({ against: tree.nullable(), only: Path.optional(), limitBytes: z.number().int().max(16 * 1024 * 1024) }),
    result: z.object({
      base: tree, tree,
      /** Of `git diff-tree -p`: one section for each file of `raw` that is not huge, as far as the limit goes. */
      patch: z.string(),
      /** Of `git diff-tree --raw -z`, at most REVIEW_FILES_LIMIT files. */
      raw: z.string(),
      /** Of `--numstat -z`, for the files of `raw`. */
      stat: z.string(),
      /** There are more files, or sections, than these. */
      truncated: z.boolean(),
      /** Files that changed, in all. */
      total: z.number().int().min(0),
      /** Of binary contents, by object id. */
      sizes: z.record(z.string().max(64), z.number().int().min(0)),
      /** In the middle of a merge: the files that are not decided. */
      unmerged: z.array(z.string().max(16 * 1024)).max(2000),
      head: z.object({ commit: tree, tree }).nullable(),
      branch: z.string().max(1000).nullable(),
    }),
  },
  /** The reviewed tree with this on it: a tree through a side index, never the person's index. */
  'review.advance': { params: z.object({ from: tree, patch: Packed, moves: Moves }), result: z.object({ tree }) },
  /** Puts a patch and moves on the worktree (reverse for a rejection), all or nothing, after a checkpoint. Refuses with `conflict` what does not fit. */
  'review.apply': { params: z.object({ key: z.string().max(64), patch: Packed, reverse: z.boolean(), moves: Moves, /** Touch nothing: `applied` says whether the tree is already as it would be. */ check: z.boolean().default(false) }), result: z.object({ applied: z.boolean(), checkpoint: z.string().nullable() }) },
  'git.commit': { params: z.object({ key: z.string().max(64), message: z.string(), /** Commit this tree instead of the worktree's. */ tree: tree.nullable(), push: z.boolean() }), result: z.object({ commit: z.string(), branch: z.string(), pushed: z.boolean(), detail: z.string().nullable() }) },
  'git.checkpoints': { params: z.object({ limit: z.number().int().max(500) }), result: z.array(z.object({ commit: z.string(), reason: z.string(), at: z.number(), files: z.number().int() })) },
  'git.rewind': { params: z.object({ key: z.string().max(64), commit: z.string().regex(/^[0-9a-f]{7,64}$/), /** The agent's too, where it can. */ conversation: z.boolean().default(false) }), result: z.object({ before: z.string(), files: z.number().int(), conversation: z.enum(['kept', 'rewound', 'unsupported']).default('kept') }) },
} as const
