import { BerthError } from '@berth/wire/error'
import { atMost, command } from '../command.ts'
import { readyWorkspace } from '../ssh/ready.ts'
import { placeOf } from '../source/take.ts'
import { workspaceOfHere } from '../sync/of-here.ts'
import { plural } from '../words.ts'
import { cleanLine } from '../clean.ts'

export const update = command({
  name: 'update',
  summary: "Bring what is new at the origin under a workspace's commits",
  arguments: '[workspace]',
  options: { check: { type: 'boolean', help: 'only say whether the origin has moved; exit code 1 when it has' } },
  notes: 'For workspaces of a git url. It fast-forwards, or rebases what the workspace committed; with uncommitted changes, while\na turn runs, or where it does not fit, nothing is touched and the reason is said.',
  examples: ['berth update demo', 'berth update demo --check'],
  parse({ values, positionals }) {
    atMost(1, positionals, 'update')
    return { word: positionals[0], check: values.check === true }
  },
  async run(context, { word, check }) {
    const { io, json, signal, cwd } = context
    const connection = await context.connect()
    const { client } = connection
    const path = word === undefined ? (await placeOf(cwd, signal)).path : cwd
    const { id, name } = await readyWorkspace(context, connection, { word: (await workspaceOfHere(client, { word, path, verb: 'update' }, signal)).id, start: false, verb: null })
    if (check) {
      const { origin } = await client.checkOrigin({ id }, signal)
      if (json) io.out(JSON.stringify({ id, name, origin }))
      else if (origin === null) throw new BerthError('unsupported', `the code of ${name} came from no branch of a url`, { hint: '`berth push` from your clone brings what is new' })
      else io.out(origin.behind ? `${name} is behind origin/${cleanLine(origin.branch)}; \`berth update ${name}\`` : `${name} has all of origin/${cleanLine(origin.branch)}`)
      return context.exitWith(origin?.behind === true ? 1 : 0)
    }
    const done = await client.updateFromOrigin({ id }, signal)
    if (json) return io.out(JSON.stringify({ id, name, ...done }))
    if (done.how === 'none') return io.out(`${io.style.green('✓')} ${io.style.bold(name)} has all that is at its origin`)
    io.out(`${io.style.green('✓')} ${plural(done.commits, 'commit')} of the origin in ${io.style.bold(name)}${done.how === 'rebase' ? ', its own on top' : ''}: ${plural(done.files, 'file')} changed`)
  },
})
