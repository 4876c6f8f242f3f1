/**
 * Fetches a workspace's work into a person's repository: one branch below `berth/`, checked before the repository sees
 * it. Index, worktree and every other ref stay as they are.
 */
import { writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { BerthError } from '@berth/wire/error'
import { clean } from '../clean.ts'
import { git, lastWords, tryGit } from './git.ts'
import { hostedRemote, type Target } from './push.ts'

interface Pull {
  readonly cwd: string
  readonly anyRepository: boolean
  /** Where the code came from: a path of this machine, or a url. */
  readonly origin: string
  /** The workspace's; names hold only lower-case letters, digits and dashes. */
  readonly name: string
  readonly scratch: string
  readonly ref: string
  readonly commit: string
  readonly target: Target
}
export interface Pulled { readonly branch: string; readonly previous: string | null; /** Null: the repository has no history in common with the work. */ readonly base: string | null; readonly commits: number; readonly stat: string; readonly repository: string }

/** What tells a bad object from an unusual one that old histories hold. */
export const CHECKS = [['fetch.fsckObjects', 'true'], ['transfer.fsckObjects', 'true'], ['fetch.fsck.zeroPaddedFilemode', 'ignore'], ['fetch.fsck.badTimezone', 'ignore'], ['fetch.fsck.missingSpaceBeforeDate', 'ignore']] as const

export async function pullInto(pull: Pull, signal: AbortSignal): Promise<Pulled> {
  const cwd = resolve(pull.cwd)
  const found = await tryGit(['rev-parse', '--git-common-dir'], { cwd, signal }).catch(() => null)
  if (!found || found.code !== 0) throw new BerthError('bad_request', `${cwd} is not a git repository`, { hint: `go to where the code came from, or: git init work && berth pull ${pull.name} --into work` })
  const options = { cwd, signal }
  const remote = hostedRemote(pull.target)

  // First into a repository of ours, so that an unrelated or broken history never enters the person's.
  await git(['init', '--quiet', '--bare', pull.scratch], options)
  // It borrows what the person has already, so that only the work travels.
  await writeFile(join(pull.scratch, 'objects/info/alternates'), `${quotedPath(await objectsOf(options))}\n`)
  const aside = { cwd: pull.scratch, signal }
  const fetched = await tryGit(['fetch', '--quiet', '--update-shallow', '--no-tags', '--', remote.url, `+${pull.ref}:refs/heads/work`], { ...aside, config: [...remote.config, ...CHECKS] })
  if (fetched.code !== 0) throw new BerthError('clone_refused', `the work could not be fetched: ${lastWords(fetched.stderr)}`, { hint: 'see `berth server logs`' })
  const commit = (await git(['rev-parse', 'refs/heads/work^{commit}'], aside)).trim()
  if (!pull.anyRepository) await requireRelated(pull, { cwd, signal })

  const branch = `berth/${pull.name}`
  const ref = `refs/heads/${branch}`
  const checkedOut = (await git(['worktree', 'list', '--porcelain', '-z'], options)).split('\0').includes(`branch ${ref}`)
  if (checkedOut) throw new BerthError('conflict', `${branch} is checked out; moving it would change your files`, { hint: 'git checkout another branch, then pull again' })
  const previous = (await tryGit(['rev-parse', '--verify', '--quiet', ref], options)).stdout.trim() || null
  await git(['fetch', '--quiet', '--update-shallow', '--no-tags', '--no-write-fetch-head', '--no-auto-maintenance', '--', pull.scratch, `+refs/heads/work:${ref}`], { ...options, config: CHECKS })

  const base = (await tryGit(['merge-base', 'HEAD', commit], options)).stdout.trim()
  const commits = base ? Number((await git(['rev-list', '--count', `${base}..${commit}`], options)).trim()) : 0
  const stat = base ? clean(await git(['diff', '--no-ext-diff', '--no-textconv', '--stat=80', base, commit], options)).trimEnd() : ''
  return { branch, previous, base: base || null, commits, stat, repository: cwd }
}

/** The same repository: the one that was sent, or one that has the work's first commit. */
async function requireRelated(pull: Pull, options: { cwd: string; signal: AbortSignal }): Promise<void> {
  const top = await tryGit(['rev-parse', '--show-toplevel'], options)
  if (top.code === 0 && top.stdout.replace(/\n$/, '') === pull.origin) return
  const roots = (await git(['rev-list', '--max-parents=0', 'refs/heads/work'], { ...options, cwd: pull.scratch })).trim().split('\n')
  for (const root of roots) {
    // Reachable from a ref of the person's, not merely lying there since an earlier pull of something else.
    const known = await tryGit(['for-each-ref', '--count=1', `--contains=${root}`, '--exclude=refs/heads/berth/*', '--format=x'], options)
    if (known.code === 0 ? known.stdout !== '' : (await tryGit(['cat-file', '-e', `${root}^{commit}`], options)).code === 0) return
  }
  const unborn = (await tryGit(['rev-parse', '--verify', '--quiet', 'HEAD'], options)).code !== 0
  if (unborn) return
  throw new BerthError('conflict', `the work of ${pull.name} does not come from this repository`, { hint: `go to where the code came from, or take it all the same: berth pull ${pull.name} --into .` })
}

async function objectsOf(options: { cwd: string; signal: AbortSignal }): Promise<string> {
  return resolve(options.cwd, (await git(['rev-parse', '--git-path', 'objects'], options)).replace(/\n$/, ''))
}

function quotedPath(path: string): string {
  return `"${path.replace(/[\\"]/g, '\\$&')}"`
}
