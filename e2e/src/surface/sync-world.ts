/** A person's clone, a workspace of it, and a `berth sync` between them, as a stranger runs it. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Workspace } from '@berth/wire'
import { COMMAND, eventually, startProduct, type Product } from '../product.ts'
import { setUpProviders } from '../providers.ts'
import { git } from '../repository.ts'

export interface World {
  readonly product: Product
  readonly root: string
  /** A new repository with one commit of nothing. */
  repository(name: string): Promise<string>
  up(name: string, cwd: string, more?: readonly string[]): Promise<There>
  upFrom(name: string, url: string): Promise<There>
  sync(name: string, cwd: string, more?: readonly string[]): Promise<Sync>
  close(): Promise<void>
}
/** The workspace's own tree, seen from outside. */
export interface There { readonly workspace: Workspace; readonly dir: string; git(...args: string[]): Promise<string>; run(script: string): Promise<string> }
export interface Said { readonly event: string; readonly ms?: number; readonly count?: number; readonly written?: number; readonly paths?: string[]; readonly kept?: unknown[]; readonly failed?: unknown[]; readonly files?: number; readonly keptTotal?: number; readonly why?: string }
export interface Sync {
  readonly said: readonly Said[]
  /** Asked of what was said after the last one that it gave. */
  says(what: (said: Said) => boolean, name: string): Promise<Said>
  /** The exit code, by itself. */
  ended(): Promise<number>
  /** As ^C; the exit code. */
  stop(): Promise<number>
}

export async function startWorld(): Promise<World> {
  const root = mkdtempSync(join(tmpdir(), 'berth-sync-'))
  const product = startProduct()
  setUpProviders(product.home, { url: 'http://x:1' })
  await product.cli(['server', 'start'])
  const running = new Set<Bun.Subprocess>()
  return {
    product, root,
    async repository(name) {
      const dir = join(root, name)
      mkdirSync(dir)
      await git(dir, 'init', '-q', '-b', 'main')
      // Git's own housekeeping in the background would look like ours.
      // git-lfs, where there is one, leaves the last in every repository whose files it is asked for.
      for (const key of ['gc.auto', 'maintenance.auto', 'lfs.repositoryformatversion']) await git(dir, 'config', key, '0')
      await git(dir, 'commit', '-q', '--allow-empty', '-m', 'nothing')
      return dir
    },
    up: (name, cwd, more = []) => made(product, ['.', '--name', name, ...more], cwd),
    upFrom: (name, url) => made(product, [url, '--name', name], root),
    async sync(name, cwd, more = []) {
      const child = Bun.spawn([...COMMAND, 'sync', name, '--json', ...more], { cwd, env: product.env, stdin: 'ignore', stdout: 'pipe', stderr: 'pipe' })
      running.add(child)
      const said: Said[] = []
      const errors = new Response(child.stderr).text()
      void (async () => {
        let text = ''
        const decoder = new TextDecoder()
        for await (const chunk of child.stdout) {
          const lines = (text + decoder.decode(chunk, { stream: true })).split('\n')
          text = lines.pop() ?? ''
          said.push(...lines.map((line) => JSON.parse(line) as Said))
        }
      })()
      let at = 0
      const sync: Sync = {
        said,
        says: (what, asked) => eventually(async () => {
          if (child.exitCode !== null) throw new Error(`the sync ended with ${child.exitCode}: ${await errors}`)
          const found = said.findIndex((one, index) => index >= at && what(one))
          if (found >= 0) at = found + 1
          return said[found]
        }, `${asked} among ${JSON.stringify(said.slice(-5))}`, 20_000),
        async ended() {
          const code = await child.exited
          running.delete(child)
          return code
        },
        stop() {
          child.kill('SIGINT')
          return sync.ended()
        },
      }
      await sync.says(({ event }) => event === 'caught-up', 'that all is there')
      return sync
    },
    async close() {
      for (const child of running) child.kill('SIGKILL')
      await product.close()
      rmSync(root, { recursive: true, force: true })
    },
  }
}

async function made(product: Product, args: readonly string[], cwd: string): Promise<There> {
  const workspace = await product.json<Workspace>(['up', ...args, '--provider', 'local', '--agent', 'plain', '--command', 'true', '--no-open'], { cwd })
  const dir = join(product.home, 'workspaces', workspace.id, 'machine-g1/work')
  return {
    workspace, dir,
    git: (...words) => git(dir, '-c', 'safe.directory=*', ...words),
    run: async (script) => (await product.cli(['run', workspace.name, '--', 'sh', '-c', script])).stdout,
  }
}
