/**
 * `ProxyUseFdpass`: ssh is handed an open connection and holds it itself, so no process of ours carries its bytes. Sockets
 * are made and handed over by the C library, since the runtime has no call for that. 64-bit Linux; glibc is what was seen.
 */
import { dlopen, ptr } from 'bun:ffi'

const AF_UNIX = 1
const SOCK_STREAM_CLOEXEC = 1 | 0o2000000
const SOL_SOCKET = 1
const SCM_RIGHTS = 1
const SO_RCVTIMEO = 20
/** A server that hangs must not hang ssh: these calls cannot be interrupted. */
const ANSWER_S = 10
const MSG_NOSIGNAL = 0x4000
/** Of sockaddr_un, with the final zero. */
const PATH_LIMIT = 107
const LINE_LIMIT = 16 * 1024

/** Glibc's name, then musl's. */
const LIBRARIES = ['libc.so.6', `libc.musl-${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}.so.1`]
const CALLS = {
  socket: { args: ['i32', 'i32', 'i32'], returns: 'i32' },
  socketpair: { args: ['i32', 'i32', 'i32', 'ptr'], returns: 'i32' },
  connect: { args: ['i32', 'ptr', 'u32'], returns: 'i32' },
  setsockopt: { args: ['i32', 'i32', 'i32', 'ptr', 'u32'], returns: 'i32' },
  send: { args: ['i32', 'ptr', 'usize', 'i32'], returns: 'i64' },
  recv: { args: ['i32', 'ptr', 'usize', 'i32'], returns: 'i64' },
  sendmsg: { args: ['i32', 'ptr', 'i32'], returns: 'i64' },
} as const

export interface Descriptors {
  /** Says that line to who listens there. The open connection, if the answer is `expected`; else null. */
  open(path: string, line: string, expected: string): number | null
  pair(): [number, number] | null
  /** To the process at the other end of that socket. */
  pass(over: number, descriptor: number): boolean
}

/** Null where this cannot be done. */
export function descriptors(): Descriptors | null {
  const libc = library()
  if (libc === null) return null
  const send = (socket: number, bytes: Buffer): boolean => Number(libc.send(socket, ptr(bytes), bytes.length, MSG_NOSIGNAL)) === bytes.length
  return {
    open(path, line, expected) {
      if (Buffer.byteLength(path) > PATH_LIMIT) return null
      const address = Buffer.alloc(2 + PATH_LIMIT + 1)
      address.writeUInt16LE(AF_UNIX)
      address.write(path, 2)
      const socket = libc.socket(AF_UNIX, SOCK_STREAM_CLOEXEC, 0)
      if (socket < 0 || libc.connect(socket, ptr(address), address.length) !== 0 || !send(socket, Buffer.from(line))) return null
      if (!wait(libc, socket, ANSWER_S) || readLine(libc, socket) !== expected) return null
      // ssh waits as long as it likes.
      return wait(libc, socket, 0) ? socket : null
    },
    pair() {
      const two = new Int32Array(2)
      return libc.socketpair(AF_UNIX, SOCK_STREAM_CLOEXEC, 0, ptr(two)) === 0 ? [two[0] ?? -1, two[1] ?? -1] : null
    },
    pass: (over, descriptor) => passOver(libc, over, descriptor),
  }
}

type Libc = NonNullable<ReturnType<typeof library>>
function library() {
  if (process.platform !== 'linux') return null
  for (const name of LIBRARIES) {
    try {
      return dlopen(name, CALLS).symbols
    } catch {
      // The other C library, or none.
    }
  }
  return null
}

/** 0: for ever. `struct timeval` of 64-bit Linux. */
function wait(libc: Libc, socket: number, seconds: number): boolean {
  const limit = Buffer.alloc(16)
  limit.writeBigInt64LE(BigInt(seconds), 0)
  return libc.setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, ptr(limit), limit.length) === 0
}

/** Byte by byte: what comes after it is not ours to read. */
function readLine(libc: Libc, socket: number): string {
  const byte = Buffer.alloc(1)
  let line = ''
  while (line.length < LINE_LIMIT && Number(libc.recv(socket, ptr(byte), 1, 0)) === 1) {
    line += byte.toString('latin1')
    if (line.endsWith('\n')) break
  }
  return line
}

/** One byte, as ssh expects, and the descriptor beside it: `struct msghdr` and `struct cmsghdr` of 64-bit Linux. */
function passOver(libc: Libc, over: number, descriptor: number): boolean {
  const byte = Buffer.alloc(1)
  const vector = Buffer.alloc(16)
  vector.writeBigUInt64LE(BigInt(ptr(byte)), 0)
  vector.writeBigUInt64LE(1n, 8)
  const control = Buffer.alloc(24)
  control.writeBigUInt64LE(20n, 0)
  control.writeInt32LE(SOL_SOCKET, 8)
  control.writeInt32LE(SCM_RIGHTS, 12)
  control.writeInt32LE(descriptor, 16)
  const message = Buffer.alloc(56)
  message.writeBigUInt64LE(BigInt(ptr(vector)), 16)
  message.writeBigUInt64LE(1n, 24)
  message.writeBigUInt64LE(BigInt(ptr(control)), 32)
  message.writeBigUInt64LE(BigInt(control.length), 40)
  return Number(libc.sendmsg(over, ptr(message), MSG_NOSIGNAL)) === 1
}
