import { BerthError } from '@berth/wire/error'
import { command, one } from '../command.ts'
import { groups, verbs } from './index.ts'

export const completion = command({
  name: 'completion',
  summary: 'Print the completion script of a shell',
  arguments: '<bash|zsh|fish>',
  examples: ['source <(berth completion bash)', 'berth completion zsh > ~/.zfunc/_berth', 'berth completion fish > ~/.config/fish/completions/berth.fish'],
  parse({ positionals }) {
    const shell = one(positionals, 'shell', 'completion')
    if (shell === 'bash' || shell === 'zsh' || shell === 'fish') return { shell } as const
    throw new BerthError('unsupported', `no completion for ${shell}`, { hint: 'bash, zsh and fish have one' })
  },
  async run({ io, json }, { shell }) {
    const names = groups.flatMap(([, group]) => group)
    const commands = await Promise.all(names.map(async (name) => ({ name, command: await verbs[name]?.() })))
    const entries = commands.map(({ name, command: verb }) => ({ name, summary: verb?.summary ?? '', options: Object.keys(verb?.options ?? {}).map((option) => `--${option}`) }))
    const text = { bash, zsh, fish }[shell](entries)
    io.out(json ? JSON.stringify({ shell, script: text }) : text)
  },
})

interface Entry { readonly name: string; readonly summary: string; readonly options: readonly string[] }
/** Summaries are ours and hold backquotes; a shell must not run them. */
const quoted = (text: string): string => `'${text.replace(/'/g, `'\\''`)}'`

function bash(entries: readonly Entry[]): string {
  return `_berth() {
  local word="\${COMP_WORDS[COMP_CWORD]}"
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W ${quoted(entries.map(({ name }) => name).join(' '))} -- "$word")); return
  fi
  case "\${COMP_WORDS[1]}" in
${entries.map(({ name, options }) => `    ${name}) COMPREPLY=($(compgen -W ${quoted(options.join(' '))} -- "$word")) ;;`).join('\n')}
  esac
}
complete -o default -F _berth berth`
}

function zsh(entries: readonly Entry[]): string {
  return `#compdef berth
_berth() {
  local -a commands
  commands=(
${entries.map(({ name, summary }) => `    ${quoted(`${name}:${summary}`)}`).join('\n')}
  )
  if (( CURRENT == 2 )); then _describe command commands; return; fi
  case $words[2] in
${entries.map(({ name, options }) => `    ${name}) compadd -- ${options.join(' ')}; _files ;;`).join('\n')}
  esac
}
if [ "$funcstack[1]" = "_berth" ]; then _berth "$@"; else compdef _berth berth; fi`
}

function fish(entries: readonly Entry[]): string {
  return entries.flatMap(({ name, summary, options }) => [
    `complete -c berth -n __fish_use_subcommand -f -a ${name} -d ${quoted(summary)}`,
    ...options.map((option) => `complete -c berth -n '__fish_seen_subcommand_from ${name}' -l ${option.slice(2)}`),
  ]).join('\n')
}
