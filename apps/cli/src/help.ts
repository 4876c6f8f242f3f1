/** The help, made from the commands themselves. */
import type { Command } from './command.ts'
import { groups, verbs } from './commands/index.ts'
import { hang, table, type Io } from './io.ts'

export async function overview({ style, columns }: Pick<Io, 'style' | 'columns'>): Promise<string> {
  const lines = ['Berth gives every coding agent a machine of its own.', '', style.bold('Usage'), '  berth <command> [arguments]']
  const commands = new Map(await Promise.all(groups.flatMap(([, names]) => names).map(async (name) => [name, await verbs[name]?.()] as const)))
  const width = Math.max(...[...commands.keys()].map((name) => name.length))
  for (const [title, names] of groups) lines.push('', style.bold(title), ...table(names.map((name) => [`  ${name.padEnd(width)}`, style.dim(commands.get(name)?.summary ?? '')]), columns))
  lines.push('', style.bold('Start here'), '  berth up .                  give an agent the code in this directory', '  berth up <git url>          or a repository', '  berth <command> --help      options and examples')
  return lines.join('\n')
}

export function commandHelp({ style, columns }: Pick<Io, 'style' | 'columns'>, command: Command): string {
  const options = Object.entries(command.options).map(([name, option]) => [
    `  ${option.short ? `-${option.short}, ` : '    '}--${name}${option.type === 'string' ? ` <${option.value ?? 'value'}>` : ''}`,
    style.dim(option.help + (option.multiple ? '; may be repeated' : '')),
  ])
  return [
    hang('', `${command.summary}.`, columns),
    '', style.bold('Usage'), `  berth ${command.name}${command.arguments ? ` ${command.arguments}` : ''} [options]`,
    ...(command.aliases.length > 0 ? [style.dim(`  also: berth ${command.aliases.join(', berth ')}`)] : []),
    ...(command.notes ? ['', ...command.notes.split('\n').map((line) => hang('  ', line, columns))] : []),
    '', style.bold('Options'), ...table(options, columns),
    '', style.bold('Examples'), ...command.examples.map((example) => `  ${example}`),
  ].join('\n')
}
