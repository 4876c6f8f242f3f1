/** A process with many daemons' links and journals: told by its parent whose, it says how many stand. */
import type { BootFile } from '@berth/wire/daemon'
import { startIdleLink, type IdleLink } from './idle-link.ts'

export type ToHost = { readonly boots: readonly BootFile[]; readonly dir: string }
/** `at`: when it was seen, in ms since the epoch. */
export interface FromHost { readonly connected: number; readonly rejected: number; readonly at: number }

const LOOK_MS = 25

const links: IdleLink[] = []
let rejected = 0
let last = ''

process.on('message', ({ boots, dir }: ToHost) => {
  for (const boot of boots) links.push(startIdleLink(boot, dir, () => { rejected += 1 }))
})
setInterval(() => {
  const connected = links.filter(({ link }) => link.connected).length
  const now = `${connected} ${rejected}`
  if (now === last) return
  last = now
  process.send?.({ connected, rejected, at: Date.now() } satisfies FromHost)
}, LOOK_MS)
