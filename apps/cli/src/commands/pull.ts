import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { Output } from '@berth/client'
import { BerthError } from '@berth/wire/error'
import { command, one } from '../command.ts'
import type { Context } from '../context.ts'
import { table, type Io } from '../io.ts'
import { resolveWorkspace } from '../resolve.ts'
import { copyInto, type Copied } from '../source/copy-into.ts'
import { pullInto, type Pulled } from '../source/pull-into.ts'
import { plural } from '../words.ts'

/** Without a common history there is nothing to merge with. */
function nextSteps({ base, branch }: Pulled): [string, string][] {
  if (base === null) return [[`git log ${branch}`, 'look at it'], [`git switch ${branch}`, 'take it']]
  return [[`git diff HEAD...${branch}`, 'look at it'], [`git merge ${branch}`, 'take it']]
}

export const pull = command({
  name: 'pull',
  summary: 'Bring the work back as the branch berth/<name>; your files are not touched',
  arguments: '<workspace>',
  options: {
    into: { type: 'string', value: 'repository', help: 'fetch into this repository, even if it is not where the code came from' },
    copy: { type: 'string', value: 'directory', help: 'make a directory of its own instead, with its branch, index and uncommitted files as they are there' },
  },
  examples: ['berth pull demo', 'berth pull demo --into ~/src/other', 'berth pull demo --copy ../demo-copy'],
  parse({ values, positionals }) {
    if (values.into !== undefined && values.copy !== undefined) throw new BerthError('bad_request', 'either --into or --copy', { hint: '--into is a repository that you have, --copy makes one' })
    return { word: one(positionals, 'workspace', 'pull'), into: values.into, copy: values.copy }
  },
  async run(context, { word, into, copy }) {
    const { signal, cwd } = context
    const { client, endpoint } = await context.connect()
    const { id, name, repository } = await resolveWorkspace(client, word, signal)
    const published = await client.publish({ id }, signal)
    if (!/^[0-9a-f]{40}$/.test(published.commit)) throw new BerthError('internal', 'the server named no commit')
    const work = { name, ref: published.ref, commit: published.commit, target: { ...endpoint, id } }
    if (copy !== undefined) return showCopy(context, published, { id, name, ...await copyInto({ ...work, dir: resolve(cwd, copy) }, signal) })
    const scratch = await mkdtemp(join(tmpdir(), 'berth-pull-'))
    try {
      const result = await pullInto({ ...work, cwd: into ?? cwd, anyRepository: into !== undefined, origin: repository, scratch }, signal)
      showBranch(context, published, { id, name, ...result })
    } finally {
      await rm(scratch, { recursive: true, force: true })
    }
  },
})

type Published = Output<'publish'>
type Named<T> = T & { readonly id: string; readonly name: string }

function showBranch({ io, json }: Context, published: Published, result: Named<Pulled>): void {
  if (json) return io.out(JSON.stringify({ id: result.id, name: result.name, branch: result.branch, commit: published.commit, previous: result.previous, commits: result.commits, from: published.from, repository: result.repository }))
  io.out(`${io.style.green('✓')} ${io.style.bold(result.branch)} ${io.style.dim(`is ${published.commit.slice(0, 10)}`)}${fromSave(io, published)}`)
  if (result.stat) io.out(result.stat)
  if (result.base !== null && result.stat === '') return io.out('Nothing differs from where it began.')
  sayNext(io, nextSteps(result))
}

function showCopy({ io, json }: Context, published: Published, result: Named<Copied>): void {
  if (json) return io.out(JSON.stringify({ ...result, commit: published.commit, from: published.from }))
  io.out(`${io.style.green('✓')} ${io.style.bold(result.directory)} ${io.style.dim(`is on ${result.branch}`)}${fromSave(io, published)}`)
  if (result.changes > 0) io.out(`  ${plural(result.changes, 'file')} not committed, as in the workspace; commit them there to merge them`)
  const quoted = `'${result.directory.replace(/'/g, "'\\''")}'`
  sayNext(io, [[`git fetch ${quoted} ${result.branch}`, 'in your repository: take it'], ['git merge FETCH_HEAD', 'merge it'], [`rm -r ${quoted}`, 'the copy is all there is to remove']])
}

const fromSave = (io: Io, { from }: Published): string => (from === 'save' ? io.style.dim(', saved before the machine stopped') : '')

function sayNext(io: Io, steps: readonly (readonly [string, string])[]): void {
  io.out('')
  for (const line of table(steps.map(([words, what]) => [`  ${words}`, io.style.dim(what)]))) io.out(line)
}
