/** The words an agent's program is started with. */
import { BerthError } from '@berth/wire'
import { programArgv, type AgentProgramName } from '@berth/wire/agents'
import type { DriverDeps } from '../../contracts.ts'

/** The program itself: what the workspace names, else the one of the toolbox. */
export function programWords({ context: { boot }, assignment: { agent } }: Pick<DriverDeps, 'context' | 'assignment'>, name: AgentProgramName): string[] {
  return agent.executable === null ? programArgv(boot.toolboxDir, name, agent.version) : [agent.executable]
}

/**
 * What a person gave along, split at white space: arguments with spaces inside are not supported, and quotes are
 * refused rather than misread. Kept: for a program whose values have quotes of their own.
 * @throws BerthError `config_invalid`
 */
export function extraArguments(command: string | null, quotes: 'refused' | 'kept' = 'refused'): string[] {
  if (command === null || command.trim() === '') return []
  if (quotes === 'refused' && /["'\\$`]/.test(command)) throw new BerthError('config_invalid', 'extra arguments of an agent cannot hold quotes or shell signs', { hint: 'give plain words, such as `--model opus`' })
  return command.trim().split(/\s+/)
}
