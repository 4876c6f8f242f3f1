/** A commit message from what was asked and what the agent said about it. A person reads it before it is used. */
const SUBJECT = 72
const BODY = 2000
const FILES = 20

export interface CommitFacts {
  /** The last thing a person asked for. */
  readonly asked: string | null
  /** The agent's last words of the turn. */
  readonly said: string | null
  readonly files: readonly string[]
}

export function suggestCommit({ asked, said, files }: CommitFacts): string {
  const subject = subjectOf(asked) ?? filesLine(files)
  const body = said === null ? '' : plain(said).trim().slice(0, BODY)
  const list = files.length > FILES ? [...files.slice(0, FILES), `and ${files.length - FILES} more`] : files
  return [subject, ...(body === '' ? [] : ['', body]), ...(files.length === 0 ? [] : ['', ...list.map((file) => `- ${plain(file).replaceAll('\n', ' ')}`)])].join('\n')
}

function subjectOf(asked: string | null): string | null {
  const line = plain(asked ?? '').split('\n').map((text) => text.trim()).find((text) => text !== '')
  if (line === undefined) return null
  const words = line.replace(/^(?:(?:please|can you|could you|now|and|then)\b[\s,]*)+/i, '').replace(/[.!?\s]+$/, '')
  if (words === '') return null
  const cut = words.length <= SUBJECT ? words : `${words.slice(0, SUBJECT - 1).replace(/\s+\S*$/, '')}…`
  return cut.charAt(0).toUpperCase() + cut.slice(1)
}

function filesLine(files: readonly string[]): string {
  const [first, ...more] = files
  if (first === undefined) return 'Update'
  const name = plain(first).replaceAll('\n', ' ').slice(-SUBJECT + 20)
  return more.length === 0 ? `Update ${name}` : `Update ${name} and ${more.length} more`
}

// eslint-disable-next-line no-control-regex
const plain = (text: string): string => text.replace(/\r\n?/g, '\n').replace(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/g, ' ')
