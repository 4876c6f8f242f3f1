/**
 * What the project wants run when its code is there: as the agent's user, in its tree, one after the other. Those of a
 * new machine run once for it, the others at each start. One that fails ends those after it, and people are told; the
 * machine comes up all the same, since it takes a machine to repair it in.
 */
import { appendFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Hook } from '@berth/wire/daemon'
import type { AsAgent, DaemonContext } from '../contracts.ts'

export interface HookDeps { readonly context: DaemonContext; readonly asAgent: AsAgent }

const WITHIN_MS = 25 * 60_000
const SHOWN_BYTES = 1500
const NONE = { id: '', create: [], start: [] } as const

/** What ran, for the timeline; null: nothing was to be run. */
export async function runHooks(deps: HookDeps): Promise<string | null> {
  const { boot, journal, machineBoot } = deps.context
  const { id, create, start } = boot.hooks ?? NONE
  const due = [...(journal.get('hooks.create') === id ? [] : create), ...(journal.get('hooks.start') === machineBoot ? [] : start)]
  if (due.length === 0) return null
  // Written first: a hook that ends the machine must not end it at every start.
  journal.set('hooks.create', id)
  journal.set('hooks.start', machineBoot)
  const ran: string[] = []
  for (const hook of due) {
    const failed = await runHook(deps, hook)
    if (failed !== null) {
      deps.context.journal.append({ type: 'workspace.notice', level: 'error', code: 'hook_failed', message: `${hook.name} failed: ${failed}`, hint: `\`berth logs <workspace> setup\` has all it said${due.at(-1) === hook ? '' : '; the commands after it were not run'}` })
      return `${[...ran, hook.name].join(', ')} (failed)`
    }
    ran.push(hook.name)
  }
  return [...new Set(ran)].join(', ')
}

/** Null: all of it went well. What has names runs at once. */
async function runHook(deps: HookDeps, { name, command }: Hook): Promise<string | null> {
  if (typeof command === 'string' || Array.isArray(command)) return runOne(deps, name, command)
  const ended = await Promise.all(Object.entries(command).map(([part, one]) => runOne(deps, `${name}.${part}`, one)))
  return ended.find((failed) => failed !== null) ?? null
}

async function runOne({ context, asAgent }: HookDeps, name: string, command: string | string[]): Promise<string | null> {
  const { boot, signal } = context
  const log = (line: string): void => writeLog(boot.stateDir, `${new Date().toISOString()} ${name}: ${line}\n`)
  log(typeof command === 'string' ? command : command.join(' '))
  const limit = AbortSignal.any([signal, AbortSignal.timeout(WITHIN_MS)])
  try {
    const { exitCode, stdout, stderr } = await asAgent.run(typeof command === 'string' ? ['/bin/sh', '-c', command] : command, { cwd: boot.workDir, signal: limit })
    const said = `${stdout}${stdout === '' || stdout.endsWith('\n') ? '' : '\n'}${stderr}`
    writeLog(boot.stateDir, said)
    log(`ended with ${exitCode}`)
    if (exitCode === 0) return null
    const words = said.trim().slice(-SHOWN_BYTES)
    return `it ended with ${exitCode}${/\bsudo\b/.test(words) ? ' (there is no sudo in the machine: what needs root belongs into the Dockerfile or a feature)' : ''}${words === '' ? '' : `: ${words}`}`
  } catch (error) {
    if (signal.aborted) throw error
    log('it took too long')
    return `it took longer than ${WITHIN_MS / 60_000} minutes`
  }
}

function writeLog(stateDir: string, text: string): void {
  const dir = join(stateDir, 'logs')
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  appendFileSync(join(dir, 'setup.log'), text, { mode: 0o600 })
}
