/** Reading the trees of a bare repository of ours: names, and files copied out by git's plumbing, which runs nothing. */
import { mkdir, readlink, realpath, rm } from 'node:fs/promises'
import { join, sep } from 'node:path'
import { BerthError } from '@berth/wire'
import { GIT_ENVIRONMENT } from './repositories.ts'

export interface TreeAt { readonly gitDir: string; readonly commit: string; readonly env?: Readonly<Record<string, string>> }

const OUTPUT_LIMIT_BYTES = 64 * 1024 * 1024
const WITHIN_MS = 5 * 60_000

/** Names at the root, and all paths below the directories given. */
export async function outlineOf(tree: TreeAt, below: string, signal: AbortSignal): Promise<string[]> {
  const [root, inside] = await Promise.all([
    git(tree, { args: ['ls-tree', '-z', '--name-only', '--end-of-options', tree.commit] }, signal),
    git(tree, { args: ['ls-tree', '-r', '-z', '--name-only', '--end-of-options', tree.commit, '--', below] }, signal),
  ])
  return [...root.split('\0'), ...inside.split('\0')].filter(Boolean)
}

/** The object that a path is; '' is the whole tree. */
export async function objectAt(tree: TreeAt, path: string, signal: AbortSignal): Promise<string | null> {
  const found = await git(tree, { args: ['rev-parse', '--verify', '--quiet', '--end-of-options', `${tree.commit}${path === '' ? '^{tree}' : `:${path}`}`], mayFail: true }, signal)
  return found.trim() || null
}

/** Copies these paths ('' is everything) below `dir`. A link that leads out of it is left out and named to `onLink`. */
export async function checkOutTree(tree: TreeAt, to: { dir: string; paths: readonly string[]; onLink: (path: string) => void }, signal: AbortSignal): Promise<void> {
  await mkdir(to.dir, { recursive: true, mode: 0o700 })
  const index = `${to.dir}.index`
  const own = { ...tree, env: { ...tree.env, GIT_INDEX_FILE: index, GIT_LITERAL_PATHSPECS: '1' } }
  try {
    await git(own, { args: ['read-tree', '--end-of-options', tree.commit] }, signal)
    const entries = (await git(own, { args: ['ls-files', '--stage', '-z', '--', ...to.paths.filter(Boolean)] }, signal)).split('\0').filter(Boolean)
    const files = entries.filter((entry) => !entry.startsWith('160000 '))
    const paths = files.map((entry) => entry.slice(entry.indexOf('\t') + 1))
    await git(own, { args: ['--work-tree', to.dir, '-c', 'core.symlinks=true', 'checkout-index', '--quiet', '--force', '-z', '--stdin'], input: paths.join('\0') }, signal)
    await dropLinksOut(to, files.filter((entry) => entry.startsWith('120000 ')).map((entry) => entry.slice(entry.indexOf('\t') + 1)))
  } finally {
    await rm(index, { force: true })
  }
}

/** A link may lead through another one, so where it really ends is what counts. What ends nowhere is out too. */
async function dropLinksOut({ dir, onLink }: { dir: string; onLink: (path: string) => void }, links: readonly string[]): Promise<void> {
  const root = await realpath(dir)
  for (const path of links) {
    const whole = join(root, path)
    if (await readlink(whole).catch(() => null) === null) continue
    const end = await realpath(whole).catch(() => null)
    if (end !== null && (end === root || end.startsWith(root + sep))) continue
    onLink(path)
    await rm(whole, { force: true })
  }
}

async function git({ gitDir, env }: Pick<TreeAt, 'gitDir' | 'env'>, run: { args: readonly string[]; input?: string; mayFail?: boolean }, signal: AbortSignal): Promise<string> {
  const child = Bun.spawn(['git', '--git-dir', gitDir, '-c', 'core.hooksPath=/dev/null', '-c', 'core.fsmonitor=false', ...run.args], {
    cwd: '/', env: { ...GIT_ENVIRONMENT, ...env }, stdin: run.input === undefined ? 'ignore' : new Blob([run.input]), stdout: 'pipe', stderr: 'pipe', maxBuffer: OUTPUT_LIMIT_BYTES,
    signal: AbortSignal.any([signal, AbortSignal.timeout(WITHIN_MS)]), killSignal: 'SIGKILL',
  })
  const [out, said] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()])
  const exitCode = await child.exited
  signal.throwIfAborted()
  if (exitCode === 0) return out
  if (run.mayFail === true) return ''
  throw new BerthError('internal', `git: ${said.trim().slice(0, 500) || `ended with ${exitCode}`}`, { hint: 'is git installed and the disk not full?' })
}
