/** Our reading of a push held against what stock `git receive-pack` did of it. */
import type { PushReading } from '@berth/core'

const DIED = /protocol error|bad line length|remote error|unsupported object format|hung up|unexpected|expected (?:old|shallow|flush)/
/** What git did of the same bytes. `seen`: what its hook was told, where it has one. */
export interface StockAnswer { readonly exitCode: number; readonly out: Uint8Array; readonly err: string; readonly seen: readonly string[] }

/** Differences are said; null: the same. */
export function differenceOf(reading: PushReading, { exitCode, out, err, seen }: StockAnswer): string | null {
  if (reading.kind !== 'read') return exitCode !== 0 && DIED.test(err) && seen.length === 0 && out.length === 0 ? null : `git read on where we ended (${reading.kind}): ${exitCode} ${err} ${seen.join('|')}`
  if (DIED.test(err) && out.length === 0) return `git ended where we read on: ${err}`
  // What git would move has to stand in our list with the same ids; text is compared as bytes.
  const ours = reading.commands.map(({ oldId, newId, ref }) => `${oldId} ${newId} ${Buffer.from(ref, 'utf8').toString('latin1')}`)
  const stray = seen.filter((line) => !ours.some((command) => command.split('\n')[0] === line || Buffer.from(command, 'latin1').toString('utf8').split('\n')[0] === line || command.includes(line)))
  if (stray.length > 0) return `git would move what we do not see: ${stray.join('|')} against ${ours.join('|')}`
  if (!reading.capabilities.includes('report-status')) return null
  const report = linesOf(out)
  const expected = reading.commands.length === 0 ? 0 : reading.commands.length + 1
  if (report.length !== expected) return `${report.length} lines of report for ${reading.commands.length} refs: ${err}`
  const wrong = reading.commands.findIndex(({ ref }, at) => {
    const line = report[at + 1] ?? ''
    const forms = [ref, Buffer.from(ref, 'utf8').toString('latin1')]
    return !forms.some((name) => line === `ok ${name}` || line.startsWith(`ng ${name} `))
  })
  return wrong < 0 ? null : `ref ${wrong} is ${JSON.stringify(reading.commands[wrong])} to us and ${JSON.stringify(report[wrong + 1])} to git`
}
function linesOf(bytes: Uint8Array): string[] {
  const text = Buffer.from(bytes).toString('latin1')
  const lines: string[] = []
  for (let at = 0; at + 4 <= text.length;) {
    const length = Number.parseInt(text.slice(at, at + 4), 16)
    if (!(length > 4)) break
    lines.push(text.slice(at + 4, at + length).replace(/\n$/, ''))
    at += length
  }
  return lines
}
/** git of one kind of id cannot read the other's; a certificate and options have lists of their own, and are refused whole. */
export const comparable = (reading: PushReading, bytes: Uint8Array): boolean => {
  const text = Buffer.from(bytes).toString('latin1')
  return !/object-format=sha256|push-cert|push-options|side-band/.test(text) && (reading.kind !== 'read' || reading.commands.every(({ oldId }) => oldId.length === 40))
}
