/**
 * A file saved in a person's directory until the workspace has it (`berth sync`), and a burst of files. The floor is rsync
 * of the same tree over the same ssh, through a connection that is there, started when the file is saved.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Workspace } from '@berth/wire'
import { BerthError } from '@berth/wire/error'
import { machineDir, plainOn } from './workspace.ts'
import { median, percentile, spread, timed } from './measure.ts'
import type { Bench } from './measure.ts'
import { BERTH, startProduct } from './product.ts'
import type { Product } from './product.ts'

const FILES = 2000
const SAVES = 60
const BURST = 5000
const GIVE_UP_MS = 60_000

export const sync: Bench = {
  name: 'sync',
  summary: 'a saved file until the workspace has it, against rsync over the same ssh',
  async *run({ signal, note }) {
    const scratch = mkdtempSync(join(tmpdir(), 'berth-bench-sync-'))
    const product = startProduct()
    let child: Bun.Subprocess | null = null
    try {
      const tree = join(scratch, 'tree')
      await makeRepository(tree)
      await product.cli(['server', 'start'])
      const { id } = await product.json<Workspace>(['up', tree, '--no-open', '-y', '--name', 'bench-sync', ...plainOn('true')])
      const there = join(machineDir(product.home, id), 'work')
      const rsync = await rsyncOf(product, tree)
      const saves: number[] = []
      const floors: number[] = []
      child = Bun.spawn([...BERTH, 'sync', 'bench-sync', '--json'], { cwd: tree, env: product.env, stdin: 'ignore', stdout: 'ignore', stderr: 'ignore' })
      await arrives(join(there, 'README'), () => writeFileSync(join(tree, 'README'), 'ready\n'), 'ready\n', true)
      note(`${SAVES} saves in a repository of ${FILES} files`)
      for (let nth = 0; nth < SAVES && !signal.aborted; nth++) {
        const text = `saved ${nth}\n`
        saves.push(await arrives(join(there, `src/${nth}.ts`), () => writeFileSync(join(tree, `src/${nth}.ts`), text), text))
      }
      yield { name: 'sync-save-p95', value: percentile(saves, 95), unit: 'ms', floor: null, goal: { valueAtMost: 1000 }, detail: `from the save to the file there, ${SAVES} saves; ${spread(saves, 'ms')}` }
      const burst = await arrives(join(there, `burst/${BURST - 1}`), () => makeFiles(join(tree, 'burst'), BURST), `${BURST - 1}\n`)
      child.kill('SIGINT')
      await child.exited
      child = null
      // The tree is the same on both sides by now; what is measured is one file, as above.
      await rsync()
      for (let nth = 0; nth < 15 && !signal.aborted; nth++) {
        writeFileSync(join(tree, `src/${nth}.ts`), `again ${nth}\n`)
        floors.push(await timed(rsync))
      }
      makeFiles(join(tree, 'burst-2'), BURST)
      const burstFloor = await timed(rsync)
      yield { name: 'sync-save', value: median(saves), unit: 'ms', floor: median(floors), detail: `the median of those; floor: rsync -a of the tree over ssh with ControlMaster, one changed file; ${spread(floors, 'ms')}` }
      yield { name: 'sync-burst', value: burst, unit: 'ms', floor: burstFloor, detail: `${BURST} new files, from the first write to the last one there; floor: rsync -a of the tree when they were written` }
    } finally {
      child?.kill('SIGKILL')
      await product.close()
      rmSync(scratch, { recursive: true, force: true })
    }
  },
}

function makeFiles(dir: string, count: number): void {
  mkdirSync(dir, { recursive: true })
  for (let nth = 0; nth < count; nth++) writeFileSync(join(dir, String(nth)), `${nth}\n`)
}

async function makeRepository(dir: string): Promise<void> {
  mkdirSync(join(dir, 'src'), { recursive: true })
  for (let nth = 0; nth < FILES; nth++) writeFileSync(join(dir, `src/${nth}.ts`), `export const value${nth} = ${nth}\n`)
  for (const args of [['init', '-q'], ['add', '-A'], ['commit', '-q', '-m', 'first']]) await run(['git', '-c', 'user.name=Bench', '-c', 'user.email=bench@localhost', ...args], dir)
}

/** Into a directory of its own, so that nothing that the sync brought is there already. */
async function rsyncOf(product: Product, tree: string): Promise<() => Promise<void>> {
  const config = join(product.home, 'ssh-config')
  await product.cli(['ssh-config', '--file', config])
  return () => run(['rsync', '-a', '--delete', '--exclude=.git', '-e', `ssh -F ${config}`, `${tree}/`, 'berth-bench-sync:rsynced/'], tree)
}

/** `again`: the writing is repeated until somebody listens. */
async function arrives(path: string, write: () => void, text: string, again = false): Promise<number> {
  const began = performance.now()
  write()
  for (let looks = 0; !existsSync(path) || readFileSync(path, 'utf8') !== text; looks++) {
    if (performance.now() - began > GIVE_UP_MS) throw new BerthError('timeout', `${path} did not come`)
    if (again && looks % 500 === 499) write()
    await Bun.sleep(1)
  }
  return performance.now() - began
}

async function run(argv: readonly string[], cwd: string): Promise<void> {
  const child = Bun.spawn([...argv], { cwd, stdin: 'ignore', stdout: 'ignore', stderr: 'pipe' })
  const [problems, code] = await Promise.all([new Response(child.stderr).text(), child.exited])
  if (code !== 0) throw new BerthError('unsupported', `${argv[0]}: ${problems.trim().slice(-300)}`, { hint: 'needs git, ssh and rsync' })
}
