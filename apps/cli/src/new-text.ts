/** The end of a growing text is asked for again and again: what of it was not there before. Pure. */
const OVERLAP = 4096

export function newText(before: string, after: string): string {
  const end = before.slice(-OVERLAP)
  if (end === '') return after
  const at = after.lastIndexOf(end)
  // Nothing in common: more was written than is asked for, or another file began.
  return at < 0 ? after : after.slice(at + end.length)
}
