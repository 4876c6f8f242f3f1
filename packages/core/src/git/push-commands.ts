/**
 * The command list of a push, read as `git receive-pack` reads it, byte for byte: what a host would do must stand in
 * what is judged here. Where git takes several forms, so does the reading; `strict` says which of them honest git
 * never sends, and a push that has one is refused whole. Pure.
 */
import { LATIN, readPacket } from './packet.ts'

export interface RefCommand { readonly oldId: string; readonly newId: string; readonly ref: string }

export interface PushCommands {
  readonly commands: readonly RefCommand[]
  readonly capabilities: readonly string[]
  /** Why nothing of it is passed on although git would read it; null: it is in plain form. */
  readonly strict: string | null
  /** Where the rest (push options, pack) begins. */
  readonly end: number
}
/** `more`: the list is not complete yet. `broken`: git would end here, and does nothing. */
export type PushReading = { readonly kind: 'more' } | { readonly kind: 'broken'; readonly why: string } | ({ readonly kind: 'read' } & PushCommands)

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const NEWLINE = 10

interface State { readonly commands: RefCommand[]; capabilities: string[]; strict: string | null; certificate: boolean; /** Null: nothing was said of it yet. */ format: 'sha1' | 'sha256' | null; /** A shallow commit has an id of the shorter kind. */ shortShallow: boolean }

export function readPushCommands(bytes: Uint8Array): PushReading {
  const state: State = { commands: [], capabilities: [], strict: null, certificate: false, format: null, shortShallow: false }
  let at = 0
  for (;;) {
    const packet = readPacket(bytes, at)
    if (packet.kind === 'more' || packet.kind === 'broken') return packet
    at = packet.end
    if (packet.kind !== 'line') {
      // git takes any of the three for the end here. Its certificate may have ended so as well.
      if (!state.certificate && packet.kind !== 'flush') state.strict ??= 'the push ends in an odd way'
      if (state.certificate && packet.kind !== 'flush') return { kind: 'broken', why: 'an unexpected packet' }
      return { kind: 'read', commands: state.commands, capabilities: state.capabilities, strict: state.strict, end: at }
    }
    const raw = packet.payload
    if (state.certificate) {
      if (startsWith(raw, 'ERR ')) return { kind: 'broken', why: 'an error from the other side' }
      if (LATIN.decode(upToNul(raw)) === 'push-cert-end\n') state.certificate = false
      continue
    }
    const broken = takeLine(state, raw.at(-1) === NEWLINE ? raw.subarray(0, -1) : raw)
    if (broken !== null) return { kind: 'broken', why: broken }
  }
}

function takeLine(state: State, payload: Uint8Array): string | null {
  if (startsWith(payload, 'ERR ')) return 'an error from the other side'
  const line = upToNul(payload)
  if (payload.length > 8 && startsWith(line, 'shallow ')) return takeShallow(state, LATIN.decode(line.subarray(8, 72)))
  if (line.length < payload.length) {
    const broken = takeFeatures(state, LATIN.decode(upToNul(payload.subarray(line.length + 1))))
    if (broken !== null) return broken
  }
  if (LATIN.decode(line) === 'push-cert') {
    state.certificate = true
    state.strict = 'signed pushes are not accepted here'
    return null
  }
  return takeCommand(state, line)
}

/** Only the first of it is read, and before anything was said of the kind of ids. */
function takeShallow(state: State, id: string): string | null {
  state.shortShallow ||= !/^[0-9a-fA-F]{64}/.test(id)
  return /^[0-9a-fA-F]{40}/.test(id) && !(state.format === 'sha256' && state.shortShallow) ? null : 'expected a shallow commit'
}

function takeFeatures(state: State, text: string): string | null {
  if (state.commands.length > 0) state.strict ??= 'the push says twice what it can do'
  // What git takes for space is less than what C does, and a carriage return stands between words and within values.
  const words = text.split(/[ \t\n\r]+/).filter((word) => word !== '')
  const format = /(?:^|[ \t\n\r])object-format(?:=([^ \t\n]*)|(?=[ \t\n\r]|$))/.exec(text)
  const said = format === null ? 'sha1' : format[1]
  const before = state.format ?? (state.commands.length > 0 ? 'sha1' : null)
  if ((said !== 'sha1' && said !== 'sha256') || (before !== null && before !== said) || (said === 'sha256' && state.shortShallow)) return 'an unknown object format'
  state.format = said
  // They tell a host to do more than to take refs: to merge, to run with other variables.
  if (words.some((word) => word === 'push-options' || word.startsWith('push-options='))) state.strict ??= 'push options are not passed on'
  state.capabilities = [...state.capabilities, ...words]
  return null
}

/** Both ids are of one length; which one a repository has, its own server checks. */
const COMMAND = /^([0-9a-fA-F]{40}|[0-9a-fA-F]{64}) ([0-9a-fA-F]{40}|[0-9a-fA-F]{64}) ([\s\S]*)$/
function takeCommand(state: State, line: Uint8Array): string | null {
  const found = COMMAND.exec(LATIN.decode(line))
  const [, oldId = '', newId = '', name = ''] = found ?? []
  if (found === null || oldId.length !== newId.length) return 'expected old, new and ref'
  if ((oldId.length === 64) !== (state.format === 'sha256')) return 'expected old, new and ref'
  if (/[A-F]/.test(oldId + newId)) state.strict ??= 'the push cannot be understood'
  const ref = textOf(line.subarray(line.length - name.length))
  if (ref === null) state.strict ??= 'the push cannot be understood'
  state.commands.push({ oldId: oldId.toLowerCase(), newId: newId.toLowerCase(), ref: ref ?? name })
  return null
}

function textOf(bytes: Uint8Array): string | null {
  try {
    return UTF8.decode(bytes)
  } catch {
    return null
  }
}
/** As C reads a string. */
function upToNul(bytes: Uint8Array): Uint8Array {
  const nul = bytes.indexOf(0)
  return nul < 0 ? bytes : bytes.subarray(0, nul)
}
const startsWith = (bytes: Uint8Array, word: string): boolean => LATIN.decode(bytes.subarray(0, word.length)) === word
