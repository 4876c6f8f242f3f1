/**
 * What is kept of TLS in `<home>/tls`, for one authority: the account's key, certificates with their keys, and what
 * was refused, so that a server that starts again does not ask again. All of it is 0600.
 */
import { createHash } from 'node:crypto'
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { writeWhole } from '../write-whole.ts'
import type { Issued } from './acme.ts'

const Entry = z.object({ failures: z.number(), nextTryAt: z.number(), message: z.string(), hint: z.string() })
const Refusals = z.object({
  /** By the first name. */
  refused: z.record(z.string(), Entry).catch(() => ({})),
  /** When names were asked for that nobody had set up. */
  onDemandAt: z.array(z.number()).catch(() => []),
})
export type Refusal = z.infer<typeof Entry>
export type Refusals = z.infer<typeof Refusals>

export interface KeptCertificates {
  accountKey(make: () => Promise<string>): Promise<string>
  read(name: string): Promise<Issued | null>
  write(name: string, issued: Issued): Promise<void>
  refusals(): Promise<Refusals>
  writeRefusals(refusals: Refusals): Promise<void>
}

export async function openKeptCertificates(home: string, directory: string): Promise<KeptCertificates> {
  const dir = join(home, 'tls', createHash('sha256').update(directory).digest('hex').slice(0, 12))
  await mkdir(dir, { recursive: true, mode: 0o700 })
  const accountFile = join(dir, 'account.pem')
  const refusalsFile = join(dir, 'refused.json')
  // A name that is none of a file's: a wildcard's star.
  const fileOf = (name: string) => join(dir, `${name.replace('*', '_wildcard')}.pem`)
  return {
    async accountKey(make) {
      const present = await readFile(accountFile, 'utf8').catch(() => null)
      if (present !== null) return present
      const made = await make()
      await writeWhole(accountFile, made)
      return made
    },
    async read(name) {
      const text = await readFile(fileOf(name), 'utf8').catch(() => null)
      const at = text?.indexOf('-----BEGIN CERTIFICATE-----') ?? -1
      return text === null || at < 1 ? null : { key: text.slice(0, at), pem: text.slice(at) }
    },
    // In one file, so that a crash between two does not part them.
    write: (name, { key, pem }) => writeWhole(fileOf(name), `${key.trimEnd()}\n${pem.trimEnd()}\n`),
    async refusals() {
      const text = await readFile(refusalsFile, 'utf8').catch(() => '{}')
      try {
        return Refusals.parse(JSON.parse(text))
      } catch {
        return Refusals.parse({})
      }
    },
    writeRefusals: (refusals) => writeWhole(refusalsFile, `${JSON.stringify(refusals)}\n`),
  }
}
