/**
 * The sockets that listen, as the kernel's socket diagnostics tell them (`sock_diag(7)`, what `ss` asks). `/proc/net/tcp`
 * cannot be asked for those alone: the kernel walks its table of all connections of the host for each read, milliseconds of
 * a processor even where a machine has none, every two seconds, in every machine.
 */
import { dlopen, ptr } from 'bun:ffi'
import { readFileSync } from 'node:fs'

export interface Listener { readonly port: number; readonly inode: string }

const AF_NETLINK = 16
const SOCK_RAW_CLOEXEC = 3 | 0o2000000
const NETLINK_SOCK_DIAG = 4
const SOCK_DIAG_BY_FAMILY = 20
const REQUEST_DUMP = 0x001 | 0x300
const MSG_DONTWAIT = 0x40
const DONE = 3
const IPPROTO_TCP = 6
const TCP_LISTEN = 10
const FAMILIES = [2, 10] as const
/** `struct nlmsghdr`, and `struct inet_diag_req_v2` after it. */
const HEADER_BYTES = 16
const REQUEST_BYTES = HEADER_BYTES + 56
/** Where things stand in `struct inet_diag_msg`. */
const AT = { port: 4, source: 8, inode: 68, end: 72 } as const
/** The kernel fills no more at once. */
const ANSWER_BYTES = 64 * 1024
/** Glibc's name, then musl's. */
const LIBRARIES = ['libc.so.6', `libc.musl-${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}.so.1`]
const CALLS = {
  socket: { args: ['i32', 'i32', 'i32'], returns: 'i32' },
  send: { args: ['i32', 'ptr', 'usize', 'i32'], returns: 'i64' },
  recv: { args: ['i32', 'ptr', 'usize', 'i32'], returns: 'i64' },
  close: { args: ['i32'], returns: 'i32' },
} as const

/** Reads all of them each time it is called. Where the kernel does not answer such questions its tables are read. */
export function createListening(ask: () => Listener[] | null = askKernel): () => Listener[] {
  let answers = true
  return () => {
    const told = answers ? ask() : null
    answers = told !== null
    return told ?? TABLES.flatMap((path) => parseListeners(tableAt(path)))
  }
}

/** Null: it does not say. The socket lives as long as the question: what it was not asked for cannot wait in it. */
export function askKernel(): Listener[] | null {
  const libc = library()
  const socket = libc?.socket(AF_NETLINK, SOCK_RAW_CLOEXEC, NETLINK_SOCK_DIAG) ?? -1
  if (libc === null || socket < 0) return null
  try {
    const answer = Buffer.alloc(ANSWER_BYTES)
    const found: Listener[] = []
    for (const family of FAMILIES) {
      const request = requestFor(family)
      if (Number(libc.send(socket, ptr(request), request.length, 0)) !== request.length) return null
      for (let over = false; !over;) {
        // The kernel has put it there before it returned from the send, or from the piece before.
        const length = Number(libc.recv(socket, ptr(answer), answer.length, MSG_DONTWAIT))
        const piece = length <= 0 ? null : listenersIn(answer.subarray(0, length))
        if (piece === null) return null
        found.push(...piece.listeners)
        over = piece.isLast
      }
    }
    return found
  } finally {
    libc.close(socket)
  }
}

function requestFor(family: number): Buffer {
  const request = Buffer.alloc(REQUEST_BYTES)
  request.writeUInt32LE(REQUEST_BYTES, 0)
  request.writeUInt16LE(SOCK_DIAG_BY_FAMILY, 4)
  request.writeUInt16LE(REQUEST_DUMP, 6)
  request.writeUInt8(family, HEADER_BYTES)
  request.writeUInt8(IPPROTO_TCP, HEADER_BYTES + 1)
  request.writeUInt32LE(1 << TCP_LISTEN, HEADER_BYTES + 4)
  return request
}

/** Pure: one piece of the answer. Null: it is no answer. */
export function listenersIn(piece: Buffer): { listeners: Listener[]; isLast: boolean } | null {
  const listeners: Listener[] = []
  for (let at = 0; at + HEADER_BYTES <= piece.length;) {
    const length = piece.readUInt32LE(at)
    const type = piece.readUInt16LE(at + 4)
    if (type === DONE) return { listeners, isLast: true }
    if (type !== SOCK_DIAG_BY_FAMILY || length < HEADER_BYTES + AT.end || at + length > piece.length) return null
    const told = piece.subarray(at + HEADER_BYTES)
    const isResolver = told[0] === FAMILIES[0] && told.readUInt32BE(AT.source) === DOCKER_RESOLVER
    if (!isResolver) listeners.push({ port: told.readUInt16BE(AT.port), inode: String(told.readUInt32LE(AT.inode)) })
    // Each begins at a multiple of four.
    at += (length + 3) & ~3
  }
  return { listeners, isLast: false }
}
/** 127.0.0.11, and the same as the kernel's table writes it. */
const DOCKER_RESOLVER = 0x7F00000B
const DOCKER_RESOLVER_WRITTEN = '0B00007F'

const TABLES = ['/proc/net/tcp', '/proc/net/tcp6'] as const
const LISTEN_WRITTEN = '0A'

/** Pure: the listening sockets of one /proc/net/tcp table, without those of Docker's resolver. */
export function parseListeners(table: string): Listener[] {
  return table.split('\n').slice(1).flatMap((line) => {
    const fields = line.trim().split(/\s+/)
    const [address = '', port = ''] = (fields[1] ?? '').split(':')
    return fields[3] === LISTEN_WRITTEN && address !== DOCKER_RESOLVER_WRITTEN ? [{ port: Number.parseInt(port, 16), inode: fields[9] ?? '' }] : []
  })
}

function tableAt(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

type Libc = ReturnType<typeof open>
let loaded: Libc | null | undefined
const open = (name: string) => dlopen(name, CALLS).symbols
function library(): Libc | null {
  if (loaded !== undefined) return loaded
  loaded = null
  if (process.platform !== 'linux') return null
  for (const name of LIBRARIES) {
    try {
      return loaded = open(name)
    } catch {
      // The other C library, or none.
    }
  }
  return null
}
