/** Trees that people look at, so that a whole file is decided only as they saw it. The oldest are let go. */
import type { ChangedFile } from '@berth/core'
import { contentOf } from './review-reading.ts'

export interface SeenTrees {
  remember(tree: string, files: readonly Pick<ChangedFile, 'path' | 'to'>[]): void
  /** Of a file, as it was shown in that tree; absent: not remembered. */
  contentOf(tree: string, path: string): string | undefined
}

const TREES = 200
/** Of names and contents, of all trees together: an agent at work makes a new one every few seconds, as large as it likes. */
const LETTERS = 16 * 1024 * 1024

export function createSeenTrees(limits: { trees: number; letters: number } = { trees: TREES, letters: LETTERS }): SeenTrees {
  const seen = new Map<string, { readonly files: Map<string, string>; letters: number }>()
  let letters = 0
  return {
    remember(tree, files) {
      const known = seen.get(tree) ?? { files: new Map<string, string>(), letters: 0 }
      letters -= known.letters
      for (const file of files) {
        const content = contentOf(file)
        // The content of a path in a tree is always the same.
        if (!known.files.has(file.path)) known.letters += file.path.length + content.length
        known.files.set(file.path, content)
      }
      letters += known.letters
      seen.delete(tree)
      seen.set(tree, known)
      for (const [old, gone] of seen) {
        if (old === tree || (seen.size <= limits.trees && letters <= limits.letters)) return
        seen.delete(old)
        letters -= gone.letters
      }
    },
    contentOf: (tree, path) => seen.get(tree)?.files.get(path),
  }
}
