import { BerthError } from '@berth/wire/error'
import type { ReapedAlone } from '@berth/wire/reap'
import { perHour } from '@berth/wire/money'
import { cleanLine } from '../clean.ts'
import { command, none } from '../command.ts'
import type { Context } from '../context.ts'
import { table } from '../io.ts'
import { askServerWord } from '../server-process/ask-server-word.ts'
import { ago, plural } from '../words.ts'

export const reap = command({
  name: 'reap',
  summary: 'Find what is left at providers when the server is gone, and remove it',
  options: {
    provider: { type: 'string', value: 'name', help: 'look there only' },
    installation: { type: 'string', value: 'id', help: 'whose machines; default: of every server that ran in this home' },
    yes: { type: 'boolean', short: 'y', help: 'remove all of it without asking' },
  },
  notes: 'Needs neither a server nor a database: what carries the marks of the installation is shown, with its age and price. What is somebody else\'s is not touched.\nWhile the server of this home runs it looks for leaks itself, and this refuses. A server elsewhere on the same database is not seen from here.',
  examples: ['berth reap', 'berth reap --provider hetzner', 'berth reap --provider hetzner --yes', 'berth reap --installation 0123456789abcdef0123456789abcdef --json'],
  parse({ values, positionals }) {
    none(positionals, 'reap')
    return { words: [...given('provider', values.provider), ...given('installation', values.installation)], yes: values.yes ?? false }
  },
  async run(context, { words, yes }) {
    const { io, json } = context
    // What our own binary prints.
    const looked = await askServerWord(context, ['reap', ...words]) as ReapedAlone
    const partial = looked.providers.filter(({ looked: answered, complete }) => answered && !complete)
    if (!json) show(context, looked)
    if (looked.found.length === 0 || !(yes || await agreed(context, looked))) {
      if (json) io.out(JSON.stringify(looked))
      return context.exitWith(looked.found.length > 0 || partial.length > 0 ? 5 : 0)
    }
    const reaped = await askServerWord(context, ['reap', ...words, '--delete'], JSON.stringify(looked.found.map(({ key }) => key))) as ReapedAlone
    if (json) io.out(JSON.stringify(reaped))
    else {
      io.out(`Removed ${plural(reaped.removed.length, 'thing')}.`)
      for (const { key, message } of reaped.failed) io.note(`${io.noteStyle.red('✗')} ${cleanLine(key)}: ${cleanLine(message, 300)}`)
    }
    context.exitWith(reaped.failed.length > 0 || partial.length > 0 ? 5 : 0)
  },
})

const given = (name: string, value: string | undefined): string[] => (value === undefined ? [] : [`--${name}`, value])

async function agreed({ io, json }: Context, { found }: ReapedAlone): Promise<boolean> {
  if (json || !io.interactive) {
    io.note(io.noteStyle.dim('nothing was removed; --yes removes it'))
    return false
  }
  if (/^y(es)?$/i.test(await io.ask(`Remove ${found.length === 1 ? 'it' : `all ${found.length}`}, with the work on ${found.length === 1 ? 'its disk' : 'their disks'}? [y/N] `))) return true
  throw new BerthError('cancelled', 'nothing was removed')
}

function show({ io }: Context, { found, providers }: ReapedAlone): void {
  for (const { name, looked, complete, detail } of providers) {
    if (!looked) io.note(io.noteStyle.dim(`${name}: not looked at: ${cleanLine(detail, 200)}`))
    else if (!complete) io.note(`${io.noteStyle.yellow('⚠')} ${name}: not all of it was seen: ${cleanLine(detail, 200)}`)
  }
  if (found.length === 0) return io.out(`Nothing is left at ${providers.filter(({ looked }) => looked).map(({ name }) => name).join(', ') || 'any provider'}.`)
  const now = Date.now()
  const rows = found.map((each) => [each.provider, each.kind, io.style.bold(cleanLine(each.name, 60)), each.state ?? '—', each.createdAt === 0 ? '—' : ago(each.createdAt, now), each.microsPerHour === null || each.currency === null ? '—' : perHour({ microsPerHour: each.microsPerHour, currency: each.currency })])
  const [header = '', ...lines] = table([['PROVIDER', 'KIND', 'NAME', 'STATE', 'MADE', 'COST'], ...rows], io.columns)
  io.out([io.style.dim(header), ...lines].join('\n'))
}
