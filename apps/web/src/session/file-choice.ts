import type { FileEntry } from '@berth/wire/files'
import { mentionWords } from '../files/mention.ts'

/** One of the completions of a message. */
export interface Choice { readonly insert: string; readonly label: string; readonly detail: string }

export function fileChoice({ path, kind }: Pick<FileEntry, 'path' | 'kind'>): Choice {
  return { insert: mentionWords({ path }), label: path, detail: kind === 'file' ? '' : kind }
}
