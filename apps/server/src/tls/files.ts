/** Certificates that somebody else renews: read at the start, and again when a file changed. */
import { readFile, stat } from 'node:fs/promises'
import { BerthError } from '@berth/wire'
import { isFor, readCertificate, type Certificate } from './certificate.ts'
import type { CertificateState } from './keeper.ts'
import { messageOf } from '../thrown.ts'

export interface CertificateFiles {
  find(host: string): Certificate | null
  states(): readonly CertificateState[]
  stop(): void
}
interface Pair { readonly cert: string; readonly key: string }

/** Of the files, not of their directories: programs that renew move links about. */
const LOOK_EVERY_MS = 10_000

export async function openCertificateFiles(pairs: readonly Pair[], deps: { readonly log: (line: string) => void; readonly everyMs?: number }): Promise<CertificateFiles> {
  const have = new Map<Pair, { seen: string; certificate: Certificate; trouble: string | null }>()
  for (const pair of pairs) {
    try {
      have.set(pair, { seen: await markOf(pair), certificate: await read(pair), trouble: null })
    } catch (cause) {
      throw refused(pair, cause)
    }
  }

  async function lookAgain(pair: Pair): Promise<void> {
    const before = have.get(pair)
    if (before === undefined) return
    try {
      const seen = await markOf(pair)
      if (seen === before.seen) return
      const certificate = await read(pair)
      have.set(pair, { seen, certificate, trouble: null })
      deps.log(`tls: ${pair.cert} changed; until ${new Date(certificate.notAfter).toISOString()}`)
    } catch (error) {
      // In the middle of being replaced the two do not fit: what was read before is served until they do.
      const trouble = messageOf(error)
      if (trouble !== before.trouble) deps.log(`tls: ${pair.cert} cannot be read, the one from before is served: ${trouble}`)
      have.set(pair, { ...before, trouble })
    }
  }
  const timer = setInterval(() => void Promise.all(pairs.map(lookAgain)), deps.everyMs ?? LOOK_EVERY_MS)
  return {
    find: (host) => [...have.values()].find(({ certificate }) => isFor(certificate, host))?.certificate ?? null,
    states: () => [...have].map(([{ cert }, { certificate, trouble }]) => ({
      name: certificate.names.join(', '), notAfter: certificate.notAfter, issuer: certificate.issuer,
      refused: trouble === null ? null : { failures: 1, nextTryAt: 0, message: `${cert} cannot be read: ${trouble}`, hint: 'let certificate and key be of one kind and readable by the server' },
    })),
    stop: () => clearInterval(timer),
  }
}

async function read({ cert, key }: Pair): Promise<Certificate> {
  const [pem, keyText] = await Promise.all([readFile(cert, 'utf8'), readFile(key, 'utf8')])
  return readCertificate({ pem, key: keyText })
}

async function markOf({ cert, key }: Pair): Promise<string> {
  const seen = await Promise.all([cert, key].map((path) => stat(path)))
  return seen.map(({ ino, size, mtimeMs }) => `${ino}:${size}:${mtimeMs}`).join(' ')
}

function refused({ cert, key }: Pair, cause: unknown): BerthError {
  return new BerthError('config_invalid', `${cert} with ${key} cannot be used: ${messageOf(cause)}`, { hint: 'name PEM files of a certificate with its chain and of its key, readable by the server', cause })
}
