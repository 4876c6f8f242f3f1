/** What the daemon's processes say to each other. It imports almost nothing: the supervisor and the small roles stay small. */
import { BerthError } from '@berth/wire/error'

/** Exit codes of `run` that its supervisor understands; any other one means "start it again". */
export const RUN_EXIT = { rejected: 77, upgrade: 78, badBoot: 79 } as const
/** Below the state directory: the toolbox that the next supervisor of this machine runs from. */
export const UPGRADE_FILE = 'upgrade-to'
/** Every process of a workspace carries this with the machine's boot id: the last sweep finds it by this. */
export const MACHINE_ENV = 'BERTH_MACHINE'
/** The toolbox that a supervisor came from in place, and goes back to when its own daemon does not keep running. */
export const PREVIOUS_ENV = 'BERTH_PREVIOUS_TOOLBOX'

export function bootPath(argv: readonly string[]): string {
  const path = argv[0] === '--boot' ? argv[1] : undefined
  if (path === undefined || argv.length > 2) throw new BerthError('bad_request', 'which boot file?', { hint: 'berth-daemon supervise --boot FILE' })
  return path
}
