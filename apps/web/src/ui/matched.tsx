import { inert } from './inert.ts'

/** What was found, with the letters that were looked for. */
export function Matched({ text, query }: { text: string; query: string }) {
  const at = query === '' ? -1 : text.toLowerCase().indexOf(query.toLowerCase())
  if (at < 0) return <>{inert(text)}</>
  return <>{inert(text.slice(0, at))}<b>{inert(text.slice(at, at + query.length))}</b>{inert(text.slice(at + query.length))}</>
}
