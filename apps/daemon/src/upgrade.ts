/** Whether another toolbox's daemon can take this machine over, found out by letting it look at the boot file. */
import { dirname, resolve } from 'node:path'
import { BerthError } from '@berth/wire/error'
import { commandOf } from './self.ts'

const LOOK_WITHIN_MS = 15_000
const SAID_BYTES = 500

/** `toolboxDir` may be absolute, or the name of a toolbox beside the one this machine was started with. */
export async function usableToolbox(machine: { toolboxDir: string; bootPath: string }, toolboxDir: string, signal: AbortSignal): Promise<string> {
  const dir = resolve(dirname(machine.toolboxDir), toolboxDir)
  const [program = '', ...args] = commandOf(dir, 'check', '--boot', machine.bootPath)
  if (!(await Bun.file(program).exists())) throw new BerthError('not_found', `no daemon in ${dir}`, { hint: 'the toolbox of that version is not mounted in this machine' })
  const refuse = (said: string, cause?: unknown): BerthError => new BerthError('unsupported', `the daemon of ${dir} cannot run in this machine: ${said}`, { cause, hint: 'the present daemon goes on; stop and start the workspace to change it' })
  try {
    const check = Bun.spawn([program, ...args], { stdin: 'ignore', stdout: 'ignore', stderr: 'pipe', signal: AbortSignal.any([signal, AbortSignal.timeout(LOOK_WITHIN_MS)]) })
    const [said, code] = await Promise.all([new Response(check.stderr).text(), check.exited])
    if (code !== 0) throw refuse(`it ended with ${check.signalCode ?? code} ${said.trim().slice(0, SAID_BYTES)}`.trimEnd())
  } catch (cause) {
    throw cause instanceof BerthError ? cause : refuse(cause instanceof Error ? cause.message : String(cause), cause)
  }
  return dir
}
