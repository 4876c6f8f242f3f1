/** Where volumes of a project are mounted: each place once, and none that the machine has a volume of its own at. Pure. */
import { normalize } from 'node:path/posix'
import type { MachineShape } from './merged.ts'

/** Of the user of machines that name none. */
export const DEV_HOME = '/home/dev'

/** As the engine reads it: it takes two ways of writing a place for the same one, and refuses the whole machine. */
export const placeOf = (target: string): string => normalize(target).replace(/^\/+/, '/').replace(/(?<=.)\/+$/, '')

export function distinctPlaces(mounts: MachineShape['mounts'], home: string): Pick<MachineShape, 'mounts' | 'ignored'> {
  const ignored: MachineShape['ignored'][number][] = []
  const seen = new Set<string>()
  const kept = mounts.map((mount) => ({ ...mount, target: placeOf(mount.target) })).filter(({ target }) => {
    const why = target === placeOf(home) ? 'the home is a volume of the machine already' : seen.has(target) ? 'something is mounted there already' : null
    seen.add(target)
    if (why !== null) ignored.push({ key: `mounts: ${target}`, why, unsafe: false })
    return why === null
  })
  return { mounts: kept, ignored }
}
