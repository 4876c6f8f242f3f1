/** DNS-01: a TXT record that says the name is ours, written, waited for and taken away again. */
import { createHash } from 'node:crypto'
import type { ChallengeSolver } from './acme.ts'
import { seenInDns, type DnsLook } from './seen-in-dns.ts'
import { messageOf } from '../thrown.ts'

export interface TxtWriter {
  /** Beside others of that name. What it gives back removes exactly this one. */
  write(name: string, value: string, signal: AbortSignal): Promise<() => Promise<void>>
}

export function createDnsChallenge(deps: { readonly writer: TxtWriter; readonly look: DnsLook; readonly log: (line: string) => void }): ChallengeSolver {
  return {
    async put({ name, answer }, signal) {
      const record = `_acme-challenge.${name}`
      const remove = await deps.writer.write(record, answer, signal)
      const takeAway = async (): Promise<void> => {
        // What stays behind harms nobody and says where it is; the certificate counts.
        await remove().catch((error: unknown) => deps.log(`tls: the TXT record ${record} stays: ${messageOf(error)}`))
      }
      try {
        if (!(await seenInDns(record, answer, deps.look, signal))) deps.log(`tls: ${record} is not seen yet (${fingerprint(answer)}); the authority is asked all the same`)
      } catch (error) {
        await takeAway()
        throw error
      }
      return takeAway
    },
  }
}

const fingerprint = (value: string): string => createHash('sha256').update(value).digest('hex').slice(0, 8)
