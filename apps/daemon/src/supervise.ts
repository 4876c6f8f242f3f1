/**
 * The first process of the machine. It keeps `run` alive, and ends everything when the machine is to end. It holds
 * as little as it can: agents and terminals do not depend on it, and it survives every mistake of the daemon proper.
 */
import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { bootPath, MACHINE_ENV, RUN_EXIT, UPGRADE_FILE } from './machine.ts'
import { commandOf, selfCommand } from './self.ts'
import { endMarked } from './services/processes/end.ts'

const BACKOFF_MIN_MS = 100
const BACKOFF_MAX_MS = 5000
/** A run that lived this long was well: the next restart is quick again. */
const WELL_AFTER_MS = 10_000
/** How long `run` may take to save after SIGTERM before it is killed. */
const RUN_STOP_MS = 25_000

export async function superviseMain(argv: readonly string[]): Promise<number> {
  const path = bootPath(argv)
  // Only where things are: `run` checks the whole file, and says what is wrong with it.
  const boot = JSON.parse(readFileSync(path, 'utf8')) as { stateDir: string; runDir: string }
  mkdirSync(boot.stateDir, { recursive: true, mode: 0o700 })
  mkdirSync(boot.runDir, { recursive: true })
  // Set when an older supervisor became this one in place: the machine is still the same.
  const machineBoot = process.env[MACHINE_ENV] ?? randomBytes(12).toString('hex')
  writeFileSync(join(boot.runDir, 'machine-boot'), machineBoot)
  const upgrade = join(boot.stateDir, UPGRADE_FILE)
  if (process.env[MACHINE_ENV] === undefined) rmSync(upgrade, { force: true })

  const stopping = Promise.withResolvers<void>()
  process.on('SIGTERM', () => stopping.resolve())
  process.on('SIGINT', () => stopping.resolve())
  const outcome = await keepRunning(path, machineBoot, stopping.promise)
  if (outcome === 'upgrade') becomeNext(upgrade, path, machineBoot)
  await endMarked(`${MACHINE_ENV}=${machineBoot}`)
  return outcome === 'badBoot' ? 1 : 0
}

/** Returns when the machine is to end, or to go on as another binary. */
async function keepRunning(path: string, machineBoot: string, stopping: Promise<void>): Promise<'stopped' | 'rejected' | 'upgrade' | 'badBoot'> {
  let backoffMs = BACKOFF_MIN_MS
  for (;;) {
    const startedAt = performance.now()
    const run = Bun.spawn(selfCommand('run', '--boot', path), { stdin: 'ignore', stdout: 'inherit', stderr: 'inherit', detached: true, env: { ...process.env, [MACHINE_ENV]: machineBoot } })
    const first = await Promise.race([run.exited, stopping.then(() => 'stopping' as const)])
    if (first === 'stopping') {
      run.kill('SIGTERM')
      const timer = setTimeout(() => run.kill('SIGKILL'), RUN_STOP_MS)
      await run.exited
      clearTimeout(timer)
      return 'stopped'
    }
    if (first === RUN_EXIT.rejected) return 'rejected'
    if (first === RUN_EXIT.upgrade) return 'upgrade'
    if (first === RUN_EXIT.badBoot) return 'badBoot'
    if (performance.now() - startedAt > WELL_AFTER_MS) backoffMs = BACKOFF_MIN_MS
    process.stderr.write(`the daemon ended with ${run.signalCode ?? first}; starting it again\n`)
    const again = await Promise.race([Bun.sleep(backoffMs).then(() => true), stopping.then(() => false)])
    if (!again) return 'stopped'
    backoffMs = Math.min(backoffMs * 2, BACKOFF_MAX_MS)
  }
}

/** Becomes the new binary with the same pid, so that the container's init and the terminals notice nothing. */
function becomeNext(upgrade: string, path: string, machineBoot: string): void {
  const toolboxDir = readFileSync(upgrade, 'utf8').trim()
  const [program = '', ...args] = commandOf(toolboxDir, 'supervise', '--boot', path)
  const env = Object.fromEntries(Object.entries({ ...process.env, [MACHINE_ENV]: machineBoot }).filter((pair): pair is [string, string] => pair[1] !== undefined))
  // Bun has it, its types do not yet say so.
  const host = process as typeof process & { execve(file: string, argv: string[], env: Record<string, string>): void }
  host.execve(program, [program, ...args], env)
}
