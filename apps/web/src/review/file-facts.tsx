import type { Review, ReviewFile } from '@berth/wire/review'
import { PathName } from '../rooms/shown.tsx'
import { inert } from '../ui/inert.ts'
import { plural } from '../ui/words.ts'
import { sizeWords } from '../rooms/words.ts'

/** What a diff does not show by itself, in words: where it came from, what kind of thing it is, how it is stored. */
export function factsOf(file: ReviewFile): string[] {
  const facts = [STATUS[file.status], kindWords(file), modeWords(file), file.crlf ? 'Lines end with CR LF' : null]
  return facts.filter((fact) => fact !== null)
}

const STATUS: Record<ReviewFile['status'], string | null> = {
  added: 'New file', deleted: 'Deleted', conflict: 'Merge conflict: both sides stand in the file', 'type-changed': 'Changed its kind',
  modified: null, renamed: null, copied: null,
}

function kindWords(file: ReviewFile): string | null {
  const short = (commit: string | null) => commit?.slice(0, 10) ?? 'none'
  switch (file.kind) {
    case 'text': return null
    case 'binary': return `Binary${sizes(file)}`
    case 'submodule': return file.before || file.after ? `Submodule: ${short(file.before)} → ${short(file.after)}` : 'Submodule'
    case 'symlink': return 'Symbolic link: the line is where it points'
  }
}

export function FileFacts({ file }: { file: ReviewFile }) {
  const facts = factsOf(file)
  if (facts.length === 0 && file.oldPath === null) return null
  return (
    <p class="file-facts">
      {file.oldPath !== null && <span>{file.status === 'copied' ? 'Copied' : 'Renamed'} from <PathName path={file.oldPath} /></span>}
      {facts.map((fact) => <span key={fact}>{inert(fact)}</span>)}
    </p>
  )
}

/** Nobody may take what is shown for all there is. */
export function Omitted({ of: { omitted } }: { of: Pick<Review, 'omitted'> }) {
  return omitted === 0 ? null : <p class="meta about">{plural(omitted, 'more file')} changed than fit here. Commit or accept some of these to see the rest.</p>
}

/** Why there is no line to look at. */
export function withoutLines(file: ReviewFile): string {
  if (file.kind === 'binary') return 'A binary file has no lines to compare. Accept or reject it as a whole.'
  if (file.kind === 'submodule') return 'Another repository, at another commit. Accept or reject it as a whole.'
  if (file.status === 'conflict') return 'The conflict is not settled. Ask the agent to, or settle it in the terminal.'
  if (file.status === 'renamed' || file.status === 'copied') return 'The content is the same.'
  if (file.oldMode !== file.newMode && file.oldMode !== null && file.newMode !== null) return 'Only its mode changed; the content is the same.'
  return file.status === 'deleted' ? 'The file was empty.' : 'The file is empty.'
}

function sizes({ before, after }: ReviewFile): string {
  const words = (size: string | null) => (size === null || !/^\d+$/.test(size) ? null : sizeWords(Number(size)))
  const [from, to] = [words(before), words(after)]
  if (from !== null && to !== null) return `: ${from} → ${to}`
  return from !== null || to !== null ? `: ${from ?? to}` : ''
}

const MODES: Record<string, string> = { '100644': 'a plain file', '100755': 'executable', '120000': 'a symbolic link', '160000': 'a submodule' }

function modeWords({ oldMode, newMode }: ReviewFile): string | null {
  if (oldMode === null || newMode === null || oldMode === newMode) return null
  if (oldMode === '100644' && newMode === '100755') return 'Now executable'
  if (oldMode === '100755' && newMode === '100644') return 'No longer executable'
  return `Was ${MODES[oldMode] ?? `mode ${oldMode}`}, now ${MODES[newMode] ?? `mode ${newMode}`}`
}
