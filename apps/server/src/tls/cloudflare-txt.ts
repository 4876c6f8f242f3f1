/** TXT records by Cloudflare, for DNS-01. */
import { BerthError } from '@berth/wire'
import type { Cloudflare } from '../names/cloudflare.ts'
import type { TxtWriter } from './dns-challenge.ts'
import { AcmeProblem } from './problem.ts'

const TTL_S = 60
const REMOVE_WITHIN_MS = 30_000

export function createCloudflareTxt(cloudflare: Cloudflare, mark: string): TxtWriter {
  return {
    async write(name, value, signal) {
      try {
        const zone = await cloudflare.zoneOf(name.replace(/^_acme-challenge\./, ''), signal)
        const { id } = await cloudflare.create(zone, { type: 'TXT', name, content: `"${value}"`, ttl: TTL_S, comment: `${mark}acme` }, signal)
        // Also when the order was given up: it is ours.
        return () => cloudflare.remove(zone, id, AbortSignal.timeout(REMOVE_WITHIN_MS))
      } catch (cause) {
        if (!(cause instanceof BerthError)) throw cause
        throw new AcmeProblem('dnsHook', cause.message, { ...(cause.hint === undefined ? {} : { hint: cause.hint }), cause })
      }
    },
  }
}
