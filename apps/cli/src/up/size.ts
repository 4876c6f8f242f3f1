import { BerthError } from '@berth/wire/error'
import type { Resources } from '@berth/wire'
import { MACHINE_SIZES } from '@berth/wire/sizes'
import { parseBytes } from '../words.ts'

const GIB = 1024 ** 3
const SIZES: Readonly<Record<string, Resources>> = MACHINE_SIZES

/** `--memory` and `--cpus` beat what the size says. */
export function resourcesFrom(words: { size: string | undefined; memory: string | undefined; cpus: string | undefined }): Resources {
  const size = words.size === undefined ? {} : SIZES[words.size.toLowerCase()] ?? vendorSize(words.size)
  const cpus = words.cpus === undefined ? undefined : Number(words.cpus)
  if (cpus !== undefined && !(cpus > 0 && cpus <= 1024)) throw new BerthError('bad_request', `--cpus takes a number, not "${words.cpus}"`)
  return { ...size, ...(words.memory === undefined ? {} : { memoryBytes: parseBytes(words.memory, 'memory') }), ...(cpus === undefined ? {} : { cpus }) }
}

/** `shared-cpu-4x`: as many cores, two GiB for each. */
function vendorSize(text: string): { memoryBytes: number; cpus: number } {
  const cpus = Number(text.match(/^[a-z-]+-(\d{1,3})x$/)?.[1] ?? 0)
  if (cpus === 0) throw new BerthError('bad_request', `there is no size "${text}"`, { hint: `${Object.keys(SIZES).join(', ')}, or --memory and --cpus` })
  return { cpus, memoryBytes: 2 * GIB * cpus }
}
