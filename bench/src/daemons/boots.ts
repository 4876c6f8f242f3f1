/** Machines that a vendor sold and that run nowhere: what each was told to do first, which a daemon would begin with. */
import type { World } from '@berth/sim-hetzner'
import { BootFile } from '@berth/wire/daemon'

const BOOT_FILE = '/boot.json'

/** Of all servers that have not been taken yet, by their ids. */
export function newBoots(world: Pick<World, 'servers'>, taken: Set<number>): BootFile[] {
  const found: BootFile[] = []
  for (const { id, userData } of world.servers.values()) {
    if (taken.has(id)) continue
    taken.add(id)
    found.push(bootIn(userData))
  }
  return found
}

export function bootIn(userData: string): BootFile {
  const config = JSON.parse(userData.slice(userData.indexOf('\n'))) as { write_files: { path: string; content: string }[] }
  const file = config.write_files.find(({ path }) => path.endsWith(BOOT_FILE))
  if (file === undefined) throw new Error('the first instructions have no boot file')
  return BootFile.parse(JSON.parse(Buffer.from(file.content, 'base64').toString()))
}
