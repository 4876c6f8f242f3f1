/** A repository of many megabytes, as often as nobody asked for it yet, and what git does with it. */
import { mkdirSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { BerthError } from '@berth/wire/error'
import { BERTH } from './product.ts'
import type { Product } from './product.ts'

/** Any secret will do: the host asks for none. */
export async function kept(product: Product, words: readonly string[]): Promise<void> {
  const child = Bun.spawn([...BERTH, ...words], { env: product.env, stdin: Buffer.from('sk-ant-bench\n'), stdout: 'ignore', stderr: 'inherit' })
  if ((await child.exited) !== 0) throw new BerthError('internal', `berth ${words.slice(0, 2).join(' ')} did not end well`)
}

async function git(args: readonly string[], cwd: string): Promise<void> {
  const child = Bun.spawn(['git', '-c', 'user.name=b', '-c', 'user.email=b@b', '-c', 'init.defaultBranch=main', ...args], { cwd, env: { PATH: process.env['PATH'] ?? '', HOME: cwd, GIT_CONFIG_NOSYSTEM: '1' }, stdin: 'ignore', stdout: 'ignore', stderr: 'pipe' })
  const said = await new Response(child.stderr).text()
  if ((await child.exited) !== 0) throw new BerthError('internal', `git ${args[0]}: ${said.slice(0, 300)}`)
}

/** Ten files of random bytes, packed once, so that a clone is a copy of the pack. */
export async function repository(path: string, bytes: number): Promise<void> {
  const work = `${path}.work`
  mkdirSync(work)
  for (let at = 0; at < 10; at++) await Bun.write(join(work, `part-${at}`), Buffer.concat(Array.from({ length: bytes / 10 / 50_000 }, () => crypto.getRandomValues(Buffer.alloc(50_000)))))
  await git(['init', '-q'], work)
  await git(['add', '.'], work)
  await git(['-c', 'core.compression=0', 'commit', '-qm', 'big'], work)
  await git(['clone', '-q', '--bare', work, path], work)
  await git(['--git-dir', path, 'repack', '-adq'], work)
  // As the hosts do that people use: `berth up` takes the history first, and then the files.
  await git(['--git-dir', path, 'config', 'uploadpack.allowFilter', 'true'], work)
  rmSync(work, { recursive: true, force: true })
}

/** The same repository, at an address that nobody asked for yet. */
export function another(root: string, name: string, at: number | string): string {
  symlinkSync(`${name}.git`, join(root, `${name}-${at}.git`))
  return `${name}-${at}`
}

/** What the daemon has git do: a clone without files, which git fetches when it checks them out, a branch of its own, and what is small. */
export const cloneAsUp = (origin: string, name: string, dir = '/tmp'): string => `cd ${dir} && rm -rf clone && mkdir clone && cd clone && since=$(date +%s%N) && git clone -q --filter=blob:none -- ${origin}/${name}.git . && git rev-parse --verify -q HEAD >/dev/null && git checkout -q --no-track -B berth/up HEAD && git rev-parse HEAD >/dev/null && (git ls-files --error-unmatch .gitmodules >/dev/null 2>&1; git update-ref refs/berth/source HEAD) && git config --local user.name Berth && git config --local user.email berth@localhost && echo $((($(date +%s%N) - since) / 1000000)); rm -rf ${dir}/clone`
