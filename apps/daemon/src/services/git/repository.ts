/** What may be asked of any repository. */
import type { SafeGit } from './safe-git.ts'

/** Only the work directory's own: a repository above it is not ours. */
export async function isRepository(git: SafeGit): Promise<boolean> {
  return (await git.attempt(['rev-parse', '--git-dir'], { env: withoutParents(git.dir) })).exitCode === 0
}

export function withoutParents(dir: string): Record<string, string> {
  return { GIT_CEILING_DIRECTORIES: dir.replace(/\/+$/, '').replace(/\/[^/]*$/, '') || '/' }
}

/** Null: there is none of that name. */
export async function idOf(git: SafeGit, name: string): Promise<string | null> {
  const found = await git.attempt(['rev-parse', '--verify', '-q', '--end-of-options', name])
  return found.exitCode === 0 ? found.stdout.trim() : null
}
