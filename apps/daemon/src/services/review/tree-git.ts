/**
 * Git for looking at a tree that may lie: besides what `createSafeGit` keeps away, no filter, no replaced object, no
 * attribute or ignore file from outside the tree and no flag of the index hides what is in the worktree.
 */
import { BerthError } from '@berth/wire/error'
import type { AsAgent } from '../../contracts.ts'
import { withoutParents } from '../git/repository.ts'
import { createSafeGit } from '../git/safe-git.ts'
import type { GitRun, SafeGit } from '../git/safe-git.ts'

const PLAIN: readonly (readonly [string, string])[] = [
  ['core.excludesFile', '/dev/null'], ['core.attributesFile', '/dev/null'], ['core.fileMode', 'true'], ['core.symlinks', 'true'], ['core.trustctime', 'true'],
  ['core.checkStat', 'default'], ['core.ignoreStat', 'false'], ['core.untrackedCache', 'false'], ['core.splitIndex', 'false'], ['core.quotePath', 'true'],
  ['diff.suppressBlankEmpty', 'false'], ['diff.indentHeuristic', 'true'], ['apply.ignoreWhitespace', 'no'], ['apply.whitespace', 'nowarn'],
  ['core.safecrlf', 'false'], ['core.logAllRefUpdates', 'false'],
]
/** A repository with more drivers is made to be a nuisance. */
const FILTERS = 200
const KEYS = ['clean', 'smudge', 'process'] as const

/** Throws `unsupported` where there is no repository of the work directory's own. */
export async function openTreeGit(asAgent: AsAgent, dir: string): Promise<SafeGit> {
  const plain = createSafeGit(asAgent, dir)
  const env = { GIT_NO_REPLACE_OBJECTS: '1', GIT_WORK_TREE: dir, ...withoutParents(dir) }
  const found = await plain.attempt(['rev-parse', '--git-dir'], { env })
  if (found.exitCode === 127) throw new BerthError('unsupported', 'this machine has no git, so there is nothing to review', { hint: 'use an image that has git' })
  if (found.exitCode !== 0) throw new BerthError('unsupported', 'the work directory is not a git repository, so there is nothing to review', { hint: 'make one in the workspace with `git init`' })
  const config = [...PLAIN, ...await withoutFilters(plain, env)]
  const withAll = (options: GitRun = {}): GitRun => ({ ...options, env: { ...env, ...options.env }, config: [...config, ...(options.config ?? [])] })
  return Object.assign((args: readonly string[], options?: GitRun) => plain(args, withAll(options)), {
    attempt: (args: readonly string[], options?: GitRun) => plain.attempt(args, withAll(options)), dir, commitsAs: plain.commitsAs,
  })
}

/** A driver without commands leaves contents as they are. */
async function withoutFilters(git: SafeGit, env: Record<string, string>): Promise<(readonly [string, string])[]> {
  const listed = await git.attempt(['config', '-z', '--name-only', '--get-regexp', '^filter\\..*\\.(clean|smudge|process|required)$'], { env, limitBytes: 256 * 1024 })
  const drivers = new Set(listed.stdout.split('\0').filter(Boolean).map((name) => name.slice(0, name.lastIndexOf('.'))))
  if (drivers.size > FILTERS) throw new BerthError('unsupported', `the repository has ${drivers.size} filters configured`, { hint: 'remove them from .git/config in the workspace' })
  return [...drivers].flatMap((driver) => [...KEYS.map((key) => [`${driver}.${key}`, ''] as const), [`${driver}.required`, 'false'] as const])
}
