/**
 * The first process of the machine. It keeps `run` alive, and ends everything when the machine is to end. It holds
 * as little as it can: agents and terminals do not depend on it, and it survives every mistake of the daemon proper.
 * Each module of the platform it would load costs every machine megabytes, so it uses what is there anyway.
 */
import { bootPath, MACHINE_ENV, PREVIOUS_ENV, RUN_EXIT, UPGRADE_FILE } from './machine.ts'
import { commandOf, ownToolboxDir, selfCommand } from './self.ts'

const BACKOFF_MIN_MS = 100
const HELD_LOOK_MS = 20
const BACKOFF_MAX_MS = 5000
/** A run that lived this long was well: the next restart is quick again, and an upgrade stays. */
const WELL_AFTER_MS = 10_000
/** How long `run` may take to save after SIGTERM before it is killed. */
const RUN_STOP_MS = 25_000
/** A new toolbox's daemon that ended so often without having been well is given up for the one before. */
const UPGRADE_TRIES = 3

interface Machine { readonly path: string; readonly boot: string; readonly upgradeFile: string; /** Where an upgrade came from; null: nowhere, or it has proved itself. */ previous: string | null }

export async function superviseMain(argv: readonly string[]): Promise<number> {
  const path = bootPath(argv)
  // Only where things are: `run` checks the whole file, and says what is wrong with it.
  const { stateDir, isolation, agentUser } = await Bun.file(path).json() as { stateDir: string; isolation: string; agentUser: { uid: number } | null }
  // Set when an older supervisor became this one in place: the machine is still the same.
  const known = process.env[MACHINE_ENV]
  const machine: Machine = {
    path, boot: known ?? crypto.randomUUID().replaceAll('-', ''), upgradeFile: `${stateDir}/${UPGRADE_FILE}`,
    previous: known === undefined ? null : process.env[PREVIOUS_ENV] ?? null,
  }
  await forget(machine.upgradeFile)

  const stopping = Promise.withResolvers<void>()
  process.on('SIGTERM', () => stopping.resolve())
  process.on('SIGINT', () => stopping.resolve())
  if (known === undefined) await whileHeld(path, stopping.promise)
  for (;;) {
    const outcome = await keepRunning(machine, stopping.promise)
    if (outcome === 'upgrade') await goOnAs(machine, await readUpgrade(machine), ownToolboxDir())
    else if (outcome === 'back') await goOnAs(machine, machine.previous, '')
    else {
      const { endMarked } = await import('./services/processes/end.ts')
      await endMarked(`${MACHINE_ENV}=${machine.boot}`, isolation === 'none' ? null : agentUser?.uid ?? null)
      return outcome === 'badBoot' ? 1 : 0
    }
    // Another program could not be become: this one goes on.
    machine.previous = null
  }
}

/**
 * What belongs beside the machine is not there yet, says a file beside the boot file, until it is empty or gone. The
 * supervisor waits itself: an image may have no shell that could.
 */
async function whileHeld(path: string, stopping: Promise<void>): Promise<void> {
  const hold = path.replace(/[^/]*$/, 'hold')
  let ends = false
  void stopping.then(() => { ends = true })
  while (!ends && Bun.file(hold).size > 0) await Bun.sleep(HELD_LOOK_MS)
}

/** Returns when the machine is to end, or to go on as another binary. */
async function keepRunning(machine: Machine, stopping: Promise<void>): Promise<'stopped' | 'rejected' | 'upgrade' | 'back' | 'badBoot'> {
  let backoffMs = BACKOFF_MIN_MS
  let failures = 0
  const { [PREVIOUS_ENV]: _, ...env } = process.env
  for (;;) {
    const startedAt = performance.now()
    const run = Bun.spawn(selfCommand('run', '--boot', machine.path), { stdin: 'ignore', stdout: 'inherit', stderr: 'inherit', detached: true, env: { ...env, [MACHINE_ENV]: machine.boot } })
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
    const well = performance.now() - startedAt > WELL_AFTER_MS
    if (well) machine.previous = null
    failures = well ? 0 : failures + 1
    if (machine.previous !== null && failures >= UPGRADE_TRIES) return 'back'
    if (first === RUN_EXIT.badBoot && machine.previous === null) return 'badBoot'
    if (well) backoffMs = BACKOFF_MIN_MS
    say(`the daemon ended with ${run.signalCode ?? first}; starting it again`)
    const again = await Promise.race([Bun.sleep(backoffMs).then(() => true), stopping.then(() => false)])
    if (!again) return 'stopped'
    backoffMs = Math.min(backoffMs * 2, BACKOFF_MAX_MS)
  }
}

/** Becomes another toolbox's supervisor with the same pid, so that the machine's init and the terminals notice nothing. */
async function goOnAs(machine: Machine, toolboxDir: string | null, previous: string): Promise<void> {
  if (toolboxDir === null) return
  const [program = '', ...args] = commandOf(toolboxDir, 'supervise', '--boot', machine.path)
  if (!(await Bun.file(program).exists())) return say(`no daemon in ${toolboxDir}; going on as this one`)
  say(`going on as the daemon of ${toolboxDir}`)
  const env = Object.fromEntries(Object.entries({ ...process.env, [MACHINE_ENV]: machine.boot, [PREVIOUS_ENV]: previous === '' ? undefined : previous }).filter((pair): pair is [string, string] => pair[1] !== undefined))
  // Bun has it, its types do not yet say so.
  const host = process as typeof process & { execve(file: string, argv: string[], env: Record<string, string>): void }
  try {
    host.execve(program, [program, ...args], env)
  } catch (cause) {
    say(`${program} cannot be run: ${cause instanceof Error ? cause.message : String(cause)}`)
  }
}

async function readUpgrade({ upgradeFile }: Machine): Promise<string | null> {
  const toolboxDir = await Bun.file(upgradeFile).text().catch(() => '')
  await forget(upgradeFile)
  return toolboxDir.trim() || null
}

const forget = (path: string): Promise<void> => Bun.file(path).delete().catch(() => {})

function say(line: string): void {
  console.error(line)
}
