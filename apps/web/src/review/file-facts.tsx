import type { ReviewFile } from '@berth/wire/review'
import { PathName } from '../rooms/shown.tsx'
import { inert } from '../ui/inert.ts'
import { sizeWords } from '../rooms/words.ts'

/** What a diff does not show by itself, in words: where it came from, what kind of thing it is, how it is stored. */
export function factsOf(file: ReviewFile): string[] {
  const facts: string[] = []
  if (file.status === 'added') facts.push('New file')
  if (file.status === 'deleted') facts.push('Deleted')
  if (file.status === 'conflict') facts.push('Merge conflict: both sides stand in the file')
  if (file.status === 'type-changed') facts.push('Changed its kind')
  if (file.kind === 'binary') facts.push(`Binary${sizes(file)}`)
  if (file.kind === 'submodule') facts.push(`Submodule${file.before || file.after ? `: ${(file.before ?? 'none').slice(0, 10)} → ${(file.after ?? 'none').slice(0, 10)}` : ''}`)
  if (file.kind === 'symlink') facts.push('Symbolic link: the line is where it points')
  if (file.oldMode !== null && file.newMode !== null && file.oldMode !== file.newMode) facts.push(modeWords(file.oldMode, file.newMode))
  if (file.crlf) facts.push('Lines end with CR LF')
  return facts
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

function modeWords(before: string, after: string): string {
  if (before === '100644' && after === '100755') return 'Now executable'
  if (before === '100755' && after === '100644') return 'No longer executable'
  return `Was ${MODES[before] ?? `mode ${before}`}, now ${MODES[after] ?? `mode ${after}`}`
}
