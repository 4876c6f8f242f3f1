/** An account at a simulated Hetzner Cloud, and a person's settings that buy there. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startHetzner, type HetznerSim } from '@berth/sim-hetzner'

export const TOKEN = 'T'.repeat(64)

/** Without a backend its servers run nowhere: for what is bought and billed. */
export function startHetznerAccount(options: Parameters<typeof startHetzner>[0] = {}): HetznerSim {
  const hetzner = startHetzner(options)
  hetzner.world.tokens.set(TOKEN, 'read-write')
  return hetzner
}

/** Read by the home's server when it starts. */
export function buyAt(hetzner: HetznerSim, home: string, { volumeGb = 10 } = {}): void {
  mkdirSync(join(home, 'providers'), { recursive: true })
  writeFileSync(join(home, 'providers/hetzner.yaml'), `endpoint: ${hetzner.url}\nvolumeGb: ${volumeGb}\n`)
  writeFileSync(join(home, 'providers/hetzner.token'), TOKEN, { mode: 0o600 })
}
