/**
 * What agents, repositories and machines wrote is hostile: printed as it is, it could move the cursor, rewrite what
 * stands above, set the clipboard or turn the reading direction. Everything printed passes here.
 */
// Escape sequences whole: CSI; OSC, DCS, SOS, PM and APC up to their end; then any two-byte one.
// oxlint-disable-next-line no-control-regex
const SEQUENCES = /(?:\u001b\[|\u009b)[0-?]*[ -/]*[@-~]?|(?:\u001b[\]PX^_]|[\u009d\u0090\u0098\u009e\u009f])[^\u0007\u001b\u009c]*(?:\u0007|\u001b\\|\u009c|$)|\u001b[ -/]*[0-~]?/g
// Other control characters but newline and tab, and characters that turn or hide text.
// oxlint-disable-next-line no-control-regex
const CONTROLS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2060-\u2069\ufeff]/g

export function clean(text: string): string {
  return text.replace(/\r\n/g, '\n').replace(SEQUENCES, '').replace(CONTROLS, '')
}

/** For one row of a table or a timeline. */
export function cleanLine(text: string, limit = 500): string {
  const line = clean(text).replace(/\s+/g, ' ').trim()
  return line.length > limit ? `${line.slice(0, limit - 1)}…` : line
}
