/**
 * Who may write which refs of a workspace's hosted repository. The daemon speaks for an agent that is hostile: it
 * writes its own branch and its saves, and deletes nothing. The commands are read before git sees a byte of them.
 */
import { HOSTED_REFS } from '@berth/wire'

export type GitCaller = { readonly kind: 'person' } | { readonly kind: 'workspace'; readonly name: string }
export interface RefCommand { readonly oldId: string; readonly newId: string; readonly ref: string }

const PERSONS: readonly string[] = [HOSTED_REFS.head, HOSTED_REFS.wip, HOSTED_REFS.push]
const ZERO = /^0+$/
const REF_NAME = /^refs\/[A-Za-z0-9._\-/]{1,240}$/

/** Null: allowed. Else why not, in words that git prints behind the ref. */
export function refuseCommand(caller: GitCaller, command: RefCommand): string | null {
  const { ref } = command
  if (!REF_NAME.test(ref) || ref.includes('..')) return 'not a usable ref name'
  if (caller.kind === 'person') return PERSONS.includes(ref) ? null : `only ${PERSONS.join(', ')} are yours to write`
  const own = HOSTED_REFS.out(caller.name)
  if (ref === HOSTED_REFS.head) return 'the uploaded source is not writable from the workspace'
  if (ref !== own && !ref.startsWith(`${own}-`) && ref !== HOSTED_REFS.save) return `only ${own} and ${own}-* are writable from this workspace`
  return ZERO.test(command.newId) ? 'deleting is not allowed from the workspace' : null
}

export interface PushHead {
  readonly commands: readonly RefCommand[]
  readonly capabilities: readonly string[]
  /** A push certificate, or something else that we do not pass on. */
  readonly refused: string | null
}

const TEXT = new TextDecoder()

/**
 * Reads the command list of a receive-pack request. `null`: the list is not complete yet. `end` is where the rest
 * (push options, pack) begins. Throws RangeError on what is not pkt-lines.
 */
export function parsePushHead(bytes: Uint8Array): (PushHead & { readonly end: number }) | null {
  const commands: RefCommand[] = []
  let capabilities: string[] = []
  let refused: string | null = null
  let at = 0
  for (;;) {
    const line = readPacket(bytes, at)
    if (line === null) return null
    at = line.end
    if (line.payload === null) return { commands, capabilities, refused, end: at }
    let text = TEXT.decode(line.payload)
    const nul = text.indexOf('\0')
    if (nul >= 0) {
      capabilities = text.slice(nul + 1).trim().split(' ').filter((word) => word !== '')
      text = text.slice(0, nul)
    }
    text = text.replace(/\n$/, '')
    if (text.startsWith('shallow ')) continue
    if (text.startsWith('push-cert')) refused = 'signed pushes are not accepted here'
    const command = /^([0-9a-f]{40}|[0-9a-f]{64}) ([0-9a-f]{40}|[0-9a-f]{64}) (.+)$/.exec(text)
    if (command) commands.push({ oldId: command[1] ?? '', newId: command[2] ?? '', ref: command[3] ?? '' })
    else refused ??= 'the push cannot be understood'
  }
}

interface Packet { readonly payload: Uint8Array | null; readonly end: number }

function readPacket(bytes: Uint8Array, at: number): Packet | null {
  if (bytes.length - at < 4) return null
  const digits = TEXT.decode(bytes.subarray(at, at + 4))
  if (!/^[0-9a-f]{4}$/i.test(digits)) throw new RangeError('not a packet line')
  const length = Number.parseInt(digits, 16)
  if (length === 0) return { payload: null, end: at + 4 }
  if (length < 4) throw new RangeError('not a packet line of a push')
  if (bytes.length - at < length) return null
  return { payload: bytes.subarray(at + 4, at + length), end: at + length }
}

/** The answer to a refused push: every ref is refused, those without a reason of their own because of the others. */
export function refusedReport(head: PushHead, reasons: readonly (string | null)[]): Uint8Array<ArrayBuffer> {
  const others = head.refused ?? 'not done, because another ref of this push is refused'
  const lines = ['unpack ok\n', ...head.commands.map((command, index) => `ng ${command.ref} ${reasons[index] ?? others}\n`)]
  const report = Buffer.concat([...lines.map(packet), Buffer.from('0000')])
  const sideBand = head.capabilities.includes('side-band-64k')
  if (!sideBand) return new Uint8Array(report)
  const framed: Buffer[] = [packet(Buffer.concat([Buffer.from([2]), Buffer.from('berth: push refused by the rules of this workspace\n')]))]
  for (let at = 0; at < report.length; at += SIDE_BAND_CHUNK) framed.push(packet(Buffer.concat([Buffer.from([1]), report.subarray(at, at + SIDE_BAND_CHUNK)])))
  framed.push(Buffer.from('0000'))
  return new Uint8Array(Buffer.concat(framed))
}

/** The largest packet line is 65520 bytes with its length and band. */
const SIDE_BAND_CHUNK = 65_000

function packet(content: string | Uint8Array): Buffer {
  const payload = Buffer.from(content)
  return Buffer.concat([Buffer.from((payload.length + 4).toString(16).padStart(4, '0')), payload])
}
