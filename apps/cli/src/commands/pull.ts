import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BerthError } from '@berth/wire/error'
import { command, one } from '../command.ts'
import { table } from '../io.ts'
import { resolveWorkspace } from '../resolve.ts'
import { pullInto, type Pulled } from '../source/pull-into.ts'

/** Without a common history there is nothing to merge with. */
function nextSteps({ base, branch }: Pulled): [string, string][] {
  if (base === null) return [[`git log ${branch}`, 'look at it'], [`git switch ${branch}`, 'take it']]
  return [[`git diff HEAD...${branch}`, 'look at it'], [`git merge ${branch}`, 'take it']]
}

export const pull = command({
  name: 'pull',
  summary: 'Bring the work back as the branch berth/<name>; your files are not touched',
  arguments: '<workspace>',
  options: { into: { type: 'string', value: 'repository', help: 'fetch into this repository, even if it is not where the code came from' } },
  examples: ['berth pull demo', 'berth pull demo --into ~/src/other'],
  parse: ({ values, positionals }) => ({ word: one(positionals, 'workspace', 'pull'), into: values.into }),
  async run(context, { word, into }) {
    const { io, json, signal, cwd } = context
    const { client, endpoint } = await context.connect()
    const { id, name, repository } = await resolveWorkspace(client, word, signal)
    const published = await client.publish({ id }, signal)
    if (!/^[0-9a-f]{40}$/.test(published.commit)) throw new BerthError('internal', 'the server named no commit')
    const scratch = await mkdtemp(join(tmpdir(), 'berth-pull-'))
    try {
      const result = await pullInto({ cwd: into ?? cwd, anyRepository: into !== undefined, origin: repository, name, scratch, ref: published.ref, commit: published.commit, target: { ...endpoint, id } }, signal)
      if (json) return io.out(JSON.stringify({ id, name, branch: result.branch, commit: published.commit, previous: result.previous, commits: result.commits, from: published.from, repository: result.repository }))
      io.out(`${io.style.green('✓')} ${io.style.bold(result.branch)} ${io.style.dim(`is ${published.commit.slice(0, 10)}`)}${published.from === 'save' ? io.style.dim(', saved before the machine stopped') : ''}`)
      if (result.stat) io.out(result.stat)
      if (result.base !== null && result.stat === '') return io.out('Nothing differs from where it began.')
      io.out('')
      for (const line of table(nextSteps(result).map(([words, what]) => [`  ${words}`, io.style.dim(what)]))) io.out(line)
    } finally {
      await rm(scratch, { recursive: true, force: true })
    }
  },
})
