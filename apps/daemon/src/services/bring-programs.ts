/**
 * The agents' programs for a machine that does not share the server's toolbox: fetched over the link when a session first
 * needs one. A machine that has the toolbox mounted finds them there, and asks for nothing.
 */
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { BerthError } from '@berth/wire'
import { AGENT_KINDS, AGENT_PROGRAMS, NODE_RUNTIME, type AgentProgramName } from '@berth/wire/agents'
import type { AssignedAgent } from '@berth/wire/daemon'
import { LINK_HTTP } from '@berth/wire/daemon'
import { selfCommand } from '../self.ts'

export interface BringDeps {
  readonly toolboxDir: string
  /** The body of what the server answers; throws when it refuses. */
  fetch(path: string, signal: AbortSignal): Promise<ReadableStream<Uint8Array>>
  readonly log: (line: string) => void
}
export type BringProgram = (agent: Pick<AssignedAgent, 'kind' | 'executable' | 'version'>, signal: AbortSignal) => Promise<void>

export function createBringProgram(deps: BringDeps): BringProgram {
  const under = new Map<string, Promise<void>>()
  const bring = (name: string, signal: AbortSignal): Promise<void> => {
    const running = under.get(name) ?? fetchProgram(deps, name, signal).finally(() => under.delete(name))
    under.set(name, running)
    return running
  }
  return async ({ kind, executable, version }, signal) => {
    const { program } = AGENT_KINDS[kind] ?? { program: null }
    if (program === null || executable !== null) return
    for (const name of dirsOf(program, version)) {
      if (!existsSync(join(deps.toolboxDir, 'agents', name))) await bring(name, signal)
    }
  }
}

/** Its own directory, and that of what runs it. */
function dirsOf(program: AgentProgramName, version: string | null): string[] {
  const { version: listed, runtime } = AGENT_PROGRAMS[program]
  return [`${program}-${version ?? listed}`, ...(runtime === null ? [] : [`node-${NODE_RUNTIME.version}`])]
}

/** Unpacked aside and renamed: a program is there whole or not at all. */
async function fetchProgram({ toolboxDir, fetch, log }: BringDeps, name: string, signal: AbortSignal): Promise<void> {
  const agents = join(toolboxDir, 'agents')
  mkdirSync(agents, { recursive: true })
  const aside = mkdtempSync(join(agents, '.new-'))
  try {
    log(`fetching ${name}`)
    const body = await fetch(`${LINK_HTTP.program}/${name}`, signal)
    const child = Bun.spawn(selfCommand('extract', aside), { stdin: body, stdout: 'ignore', stderr: 'pipe', signal })
    const [said, exitCode] = await Promise.all([new Response(child.stderr).text(), child.exited])
    if (exitCode !== 0) throw new BerthError('agent_unavailable', `${name} could not be unpacked: ${said.trim().slice(0, 500)}`, { hint: 'is the machine\'s disk full? stop and start the workspace to try again' })
    renameSync(join(aside, basename(name)), join(agents, name))
    log(`${name} is there`)
  } finally {
    rmSync(aside, { recursive: true, force: true })
  }
}
