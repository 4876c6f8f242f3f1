/**
 * One project with a devcontainer (Dockerfile with an argument, a local feature, a user, a hook), brought up by the
 * reference CLI alone and by `berth up`, turn by turn in one run. Once with nothing built before, and once more when its
 * image is there. The time is that of the whole command; the figure is by how much ours is longer.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ensureDevcontainerCli } from '@berth/toolbox'
import type { Workspace } from '@berth/wire'
import { BerthError } from '@berth/wire/error'
import { openEngine } from './docker-engine.ts'
import { median, RUNS, spread } from './measure.ts'
import type { Bench } from './measure.ts'
import { startProduct } from './product.ts'
import type { Product } from './product.ts'

/** The first one may make the workspace image. */
const FIRST_MS = 8 * 60_000
const AGENT = ['--provider', 'docker', '--agent', 'plain', '--command', 'sleep 100000', '--no-open', '-y'] as const

export const devcontainerUp: Bench = {
  name: 'devcontainer-up',
  summary: '`berth up` against `devcontainer up` by the reference CLI alone, on one project',
  async *run({ signal, note }) {
    const engine = await openEngine()
    const scratch = mkdtempSync(join(tmpdir(), 'berth-bench-devcontainer-'))
    const product = startProduct()
    const built = new Set<string>()
    try {
      const script = await ensureDevcontainerCli({ dir: join(scratch, 'toolbox'), log: note }, signal)
      note('the first run prepares the workspace image and the toolbox; it does not count')
      const plain = await product.json<Workspace>(['up', makePlain(scratch), '--name', 'plain', ...AGENT], { withinMs: FIRST_MS })
      const base = (await engine.imageOf(plain.id)).reference
      const times = { first: { ours: [] as number[], theirs: [] as number[] }, again: { ours: [] as number[], theirs: [] as number[] } }
      for (let run = 0; run <= RUNS; run++) {
        signal.throwIfAborted()
        // Each its own content, so that neither finds the layers of the other.
        const [ours, theirs] = [makeProject(scratch, { base, name: `ours-${run}` }), makeProject(scratch, { base, name: `theirs-${run}` })]
        for (const which of ['first', 'again'] as const) {
          const cli = await upByCli({ script, dir: theirs, scratch, built })
          const berth = await upByBerth(product, { dir: ours, name: `${which}-${run}`, built, imageOf: async (id) => (await engine.imageOf(id)).reference })
          if (run === 0) continue
          times[which].theirs.push(cli)
          times[which].ours.push(berth)
        }
      }
      for (const which of ['first', 'again'] as const) {
        const { ours, theirs } = times[which]
        const over = ours.map((ms, at) => ms - (theirs[at] ?? Number.NaN))
        yield { name: `devcontainer-up-${which}`, value: median(over), unit: 'ms', floor: null, goal: { valueAtMost: 1000 }, detail: `\`berth up\` ${Math.round(median(ours))} ms less the CLI alone ${Math.round(median(theirs))} ms, ${which === 'first' ? 'nothing built before' : 'image built before'}; ${spread(over, 'ms')}` }
      }
    } finally {
      await product.close()
      for (const image of built) await docker(['image', 'rm', '--force', image])
      rmSync(scratch, { recursive: true, force: true })
    }
  },
}

function makePlain(scratch: string): string {
  const dir = join(scratch, 'plain')
  mkdirSync(dir)
  writeFileSync(join(dir, 'README.md'), '# plain\n')
  return dir
}

function makeProject(scratch: string, { base, name }: { base: string; name: string }): string {
  const dir = join(scratch, name)
  const files = {
    '.devcontainer/devcontainer.json': JSON.stringify({ build: { dockerfile: 'Dockerfile', args: { WHO: `${name}-${crypto.randomUUID()}` } }, features: { './painter': {} }, remoteUser: 'pilot', init: true, updateRemoteUserUID: false, postCreateCommand: 'true' }),
    '.devcontainer/Dockerfile': `FROM ${base}\nARG WHO\nRUN useradd -m -u 1234 pilot && echo "$WHO" > /who\n`,
    '.devcontainer/painter/devcontainer-feature.json': JSON.stringify({ id: 'painter', version: '1.0.0', name: 'painter' }),
    '.devcontainer/painter/install.sh': '#!/bin/sh\ntouch /painted\n',
    'README.md': '# bench\n',
  }
  mkdirSync(join(dir, '.devcontainer/painter'), { recursive: true })
  for (const [path, content] of Object.entries(files)) writeFileSync(join(dir, path), content)
  for (const args of [['init', '-q'], ['add', '-A'], ['-c', 'user.name=bench', '-c', 'user.email=bench@localhost', 'commit', '-qm', 'bench']]) {
    if (Bun.spawnSync(['git', ...args], { cwd: dir }).exitCode !== 0) throw new BerthError('internal', `git ${args[0]} failed in ${dir}`)
  }
  return dir
}

async function upByCli({ script, dir, scratch, built }: { script: string; dir: string; scratch: string; built: Set<string> }): Promise<number> {
  const since = performance.now()
  const child = Bun.spawn([process.execPath, script, 'up', '--workspace-folder', dir, '--user-data-folder', join(scratch, 'data')], { stdin: 'ignore', stdout: 'pipe', stderr: 'ignore', env: { ...process.env, BUN_BE_BUN: '1' } })
  const answer = await new Response(child.stdout).text()
  await child.exited
  const took = performance.now() - since
  const { outcome, containerId } = JSON.parse(answer.trim().split('\n').at(-1) ?? '{}') as { outcome?: string; containerId?: string }
  if (outcome !== 'success' || containerId === undefined) throw new BerthError('internal', `the devcontainer CLI did not come up: ${answer.slice(0, 500)}`)
  const image = await docker(['inspect', '--format', '{{.Config.Image}}', containerId])
  if (image !== '') built.add(image)
  await docker(['rm', '--force', '--volumes', containerId])
  return took
}

async function upByBerth(product: Product, { dir, name, built, imageOf }: { dir: string; name: string; built: Set<string>; imageOf: (id: string) => Promise<string> }): Promise<number> {
  const since = performance.now()
  const { id } = await product.json<Workspace>(['up', dir, '--name', name, ...AGENT])
  const took = performance.now() - since
  const image = await imageOf(id)
  if (!image.startsWith('berth/devcontainer:')) throw new BerthError('internal', `the machine of ${name} is made from ${image}`)
  built.add(image)
  await product.cli(['delete', id, '-y'])
  return took
}

async function docker(args: readonly string[]): Promise<string> {
  const child = Bun.spawn(['docker', ...args], { stdin: 'ignore', stdout: 'pipe', stderr: 'ignore' })
  const text = await new Response(child.stdout).text()
  await child.exited
  return text.trim()
}
