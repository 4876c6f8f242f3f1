/**
 * A tree of 50,000 files from a person's directory to the server: as a repository (commits and uncommitted work, pushed)
 * and as a plain directory (tar and zstd, put). The floor is `tar | zstd` of the same files to a file.
 */
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Workspace } from '@berth/wire'
import { BerthError } from '@berth/wire/error'
import { MB, sideBySide, spread, timed } from './measure.ts'
import type { Bench } from './measure.ts'
import { startProduct } from './product.ts'
import type { Product } from './product.ts'

const FILES = 50_000
const PER_DIRECTORY = 100
/** Of these the repository's are changed and not committed. */
const CHANGED = 500
const UP_MS = 180_000
const WORDS = 'alpha bravo cargo delta event field group hunk index judge kind limit machine node order phase queue record store table unit value workspace yield zone'.split(' ')

export const upload: Bench = {
  name: 'upload',
  summary: `a tree of ${FILES} files sent to the server, against tar | zstd`,
  async *run({ signal, note }) {
    const scratch = mkdtempSync(join(scratchParent(), 'berth-bench-tree-'))
    const product = startProduct()
    try {
      const tree = join(scratch, 'tree')
      const sizeBytes = makeTree(tree)
      note(`${FILES} files, ${(sizeBytes / MB).toFixed(0)} MB`)
      await product.cli(['server', 'start'])
      const archive = await beside(signal, { product, tree, kind: 'archive' })
      yield { name: 'upload-archive', ...archive, detail: `\`up\` of a plain directory until the server has it; floor: tar | zstd -3 to a file; ${archive.detail}` }
      await makeRepository(tree)
      const repository = await beside(signal, { product, tree, kind: 'repository' })
      yield { name: 'upload-repository', ...repository, detail: `\`up\` of a repository with ${CHANGED} uncommitted changes until the server has it; floor: tar | zstd -3 to a file; ${repository.detail}` }
    } finally {
      await product.close()
      rmSync(scratch, { recursive: true, force: true })
    }
  },
}

async function beside(signal: AbortSignal, { product, tree, kind }: { product: Product; tree: string; kind: string }): Promise<{ value: number; unit: 'ms'; floor: number; detail: string }> {
  let run = 0
  const { value, floor, values } = await sideBySide(signal,
    () => sendOnce(product, tree, `${kind}-${run++}`),
    () => timed(() => command(['sh', '-c', 'tar --exclude=.git -cf - . | zstd -q -3 -T1 -f -o ../floor.tar.zst'], tree)))
  return { value, unit: 'ms', floor, detail: spread(values, 'ms') }
}

/** In memory where that can be: it is the reading and sending that is measured, not this disk's many small files. */
function scratchParent(): string {
  return existsSync('/dev/shm') ? '/dev/shm' : tmpdir()
}

/** Source code is mostly small, repeats itself, and is never the same: a quarter is left by zstd. */
function makeTree(dir: string): number {
  let total = 0
  let state = 1
  const word = (): string => WORDS[(state = (state * 1_103_515_245 + 12_345) % 2_147_483_648) % WORDS.length] ?? ''
  for (let file = 0; file < FILES; file++) {
    const parent = join(dir, `package-${Math.floor(file / PER_DIRECTORY / 10)}`, `module-${Math.floor(file / PER_DIRECTORY)}`)
    if (file % PER_DIRECTORY === 0) mkdirSync(parent, { recursive: true })
    const lines = Array.from({ length: 8 + (file % 40) }, () => `  const ${word()}${state % 97} = ${word()}(${word()}, ${state % 9973})`)
    const text = `export function ${word()}${file}() {\n${lines.join('\n')}\n}\n`
    total += text.length
    writeFileSync(join(parent, `file-${file}.ts`), text)
  }
  return total
}

async function makeRepository(dir: string): Promise<void> {
  const git = ['git', '-c', 'user.name=Bench', '-c', 'user.email=bench@localhost', '-c', 'gc.auto=0']
  await command([...git, 'init', '-q', '-b', 'main'], dir)
  await command([...git, 'add', '-A'], dir)
  await command([...git, 'commit', '-q', '-m', 'first'], dir)
  // As clones are: one pack.
  await command([...git, 'repack', '-a', '-d', '-q'], dir)
  for (let file = 0; file < CHANGED; file++) writeFileSync(join(dir, 'package-0', 'module-0', `${file % 2 === 0 ? 'file' : 'new'}-${file % PER_DIRECTORY}-${file}.ts`), `changed ${file}\n`)
}

/** From the CLI's start until the server was told that the code is there; the machine that then starts is not waited for. */
async function sendOnce(product: Product, source: string, name: string): Promise<number> {
  let id = ''
  const taken = await timed(async () => {
    ({ id } = await product.json<Workspace>(['up', source, '--provider', 'local', '--agent', 'plain', '--command', 'sleep 1000', '--no-wait', '--no-open', '-y', '--accept-no-isolation', '--name', name], { withinMs: UP_MS }))
  })
  await product.cli(['delete', id, '-y'])
  return taken
}

async function command(argv: readonly string[], cwd: string): Promise<void> {
  const child = Bun.spawn([...argv], { cwd, stdin: 'ignore', stdout: 'ignore', stderr: 'pipe', env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin', HOME: cwd, LC_ALL: 'C' } })
  const [problems, code] = await Promise.all([new Response(child.stderr).text(), child.exited])
  if (code !== 0) throw new BerthError('unsupported', `${argv[0]} ${argv.at(-1)}: ${problems.trim().slice(0, 300)}`, { hint: 'needs git, tar and zstd' })
}
