/**
 * The agents' programs by their plain names, for the shells of people: to sign in, or to run one by hand. They stand
 * last on the PATH, so that a program of the image or the person's own goes first.
 */
import { chmodSync, mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { AGENT_PROGRAMS, programArgv, type AgentProgramName } from '@berth/wire/agents'
import { shellQuoted } from './shell-quoted.ts'

/** As the driver starts it: else it would keep its settings elsewhere and begin with its set-up screens. */
const ENVIRONMENT: Partial<Record<AgentProgramName, string>> = {
  claude: 'export CLAUDE_CONFIG_DIR="${CLAUDE_CONFIG_DIR:-$HOME/.claude}" DISABLE_AUTOUPDATER=1',
  gemini: 'export NODE_USE_ENV_PROXY=1',
  qwen: 'export NODE_USE_ENV_PROXY=1',
}

/** Writes them anew and answers their directory. The agent's user may run them and not change them. */
export function writeProgramsOnPath({ runDir, toolboxDir }: { runDir: string; toolboxDir: string }): string {
  const dir = join(runDir, 'bin')
  mkdirSync(dir, { recursive: true })
  chmodSync(dir, 0o755)
  for (const name of Object.keys(AGENT_PROGRAMS) as AgentProgramName[]) {
    const argv = programArgv(toolboxDir, name)
    const lines = [
      '#!/bin/sh',
      // The server fetches an agent when a workspace first asks for it.
      `[ -e ${shellQuoted(argv.at(-1) ?? '')} ] || { echo "${name} is not in the toolbox yet; it comes with: berth up --agent ${name}" >&2; exit 127; }`,
      ...(ENVIRONMENT[name] === undefined ? [] : [ENVIRONMENT[name]]),
      `exec ${argv.map(shellQuoted).join(' ')} "$@"`, '',
    ]
    writeFileSync(join(dir, `${name}.new`), lines.join('\n'), { mode: 0o755 })
    chmodSync(join(dir, `${name}.new`), 0o755)
    renameSync(join(dir, `${name}.new`), join(dir, name))
  }
  return dir
}

/** For a shell whose profile set a PATH of its own. */
export const PATH_AGAIN = 'case ":$PATH:" in *":$BERTH_PROGRAMS:"*) ;; *) PATH="$PATH:$BERTH_PROGRAMS" ;; esac'
