import { BerthError, ERROR_CODES } from '@berth/wire/error'

/** A server's process that refuses says why as its last words: `berth: what [code]`, and then perhaps `hint: …`. */
export function lastWords(text: string): BerthError | null {
  const lines = text.split('\n').map((line) => line.trim())
  const first = lines.findLastIndex((line) => line.startsWith('berth: '))
  const last = lines.findIndex((line, index) => index >= first && / \[[a-z_]+\]$/.test(line))
  if (first < 0 || last < 0) return null
  const [, message = '', word = ''] = lines.slice(first, last + 1).join('\n').match(/^berth: ([\s\S]*) \[([a-z_]+)\]$/) ?? []
  const hint = lines[last + 1]?.match(/^hint: (.*)$/)?.[1]
  const code = ERROR_CODES.find((known) => known === word)
  // `internal` says nothing to a person; the log's end says more.
  return code === undefined || code === 'internal' ? null : new BerthError(code, message, hint === undefined ? {} : { hint })
}
