/** The answer to a push, in the frames of git's protocol: a report for the program, and lines that it shows as `remote:`. */
import type { PushHead } from './policy.ts'

/** The largest packet line is 65520 bytes with its length and band. */
const CHUNK = 65_000
const [REPORT, PROGRESS] = [1, 2]
const FLUSH = Buffer.from('0000')

function packet(content: string | Uint8Array): Buffer {
  const payload = Buffer.from(content)
  return Buffer.concat([Buffer.from((payload.length + 4).toString(16).padStart(4, '0')), payload])
}
const band = (number: number, bytes: Uint8Array): Buffer[] => {
  const frames: Buffer[] = []
  for (let at = 0; at < bytes.length; at += CHUNK) frames.push(packet(Buffer.concat([Buffer.from([number]), bytes.subarray(at, at + CHUNK)])))
  return frames
}
const talks = ({ capabilities }: Pick<PushHead, 'capabilities'>): boolean => capabilities.includes('side-band-64k') || capabilities.includes('side-band')

/** Lines for whoever pushes; nothing where git does not listen. */
export function spoken(head: Pick<PushHead, 'capabilities'>, text: string): Uint8Array {
  return talks(head) ? Buffer.concat(band(PROGRESS, Buffer.from(`${text}\n`))) : new Uint8Array()
}
/** Nothing, said so that the connection is not taken for dead. */
export const stillHere = (head: Pick<PushHead, 'capabilities'>): Uint8Array => (talks(head) ? packet(Uint8Array.of(REPORT)) : new Uint8Array())

/** `reasons`: null where the ref was moved. */
export function reported(head: Pick<PushHead, 'capabilities' | 'commands'>, reasons: readonly (string | null)[]): Uint8Array {
  if (!head.capabilities.includes('report-status') && !head.capabilities.includes('report-status-v2')) return talks(head) ? FLUSH : new Uint8Array()
  const lines = head.commands.map(({ ref }, at) => lineOf(ref, reasons[at] ?? null))
  const report = Buffer.concat([...['unpack ok\n', ...lines].map((line) => packet(line)), FLUSH])
  return talks(head) ? Buffer.concat([...band(REPORT, report), FLUSH]) : report
}
const lineOf = (ref: string, reason: string | null): string => (reason === null ? `ok ${ref}\n` : `ng ${ref} ${oneLine(reason)}\n`)
const oneLine = (text: string): string => text.replace(/\p{Cc}+/gu, ' ').slice(0, 300)
