/** Reads the machine's boot file, and names what the daemon's two processes say to each other. */
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { BerthError } from '@berth/wire'
import { BootFile } from '@berth/wire/daemon'

/** Exit codes of `run` that its supervisor understands; any other one means "start it again". */
export const RUN_EXIT = { rejected: 77, upgrade: 78, badBoot: 79 } as const
/** Below the state directory: the toolbox that the next supervisor of this machine runs from. */
export const UPGRADE_FILE = 'upgrade-to'
/** Every process of a workspace carries this with the machine's boot id: the last sweep finds it by this. */
export const MACHINE_ENV = 'BERTH_MACHINE'

export function bootPath(argv: readonly string[]): string {
  const { values } = parseArgs({ args: [...argv], options: { boot: { type: 'string' } } })
  if (values.boot === undefined) throw new BerthError('bad_request', 'which boot file?', { hint: 'berth-daemon supervise --boot FILE' })
  return values.boot
}

export function readBoot(path: string): BootFile {
  try {
    return BootFile.parse(JSON.parse(readFileSync(path, 'utf8')))
  } catch (cause) {
    throw new BerthError('config_invalid', `the boot file ${path} cannot be read`, { cause, hint: 'the provider writes it before it starts the daemon' })
  }
}
