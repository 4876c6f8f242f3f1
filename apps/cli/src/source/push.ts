/** Brings a repository to the server's repository of a workspace. */
import { BerthError } from '@berth/wire/error'
import type { WorkspaceId } from '@berth/wire'
import { GIT_PATH, HOSTED_REFS } from './hosted.ts'
import { git, lastWords, tryGit, type GitOptions } from './git.ts'
import { takeSnapshot, withoutHistory, type Snapshot } from './snapshot.ts'

export interface Target { readonly url: string; readonly token: string; readonly id: WorkspaceId }

/** Git's address of a hosted repository, and the settings that open it. The token stands in no argv. */
export function hostedRemote(target: Target): { url: string; config: readonly (readonly [string, string])[] } {
  const url = target.url.replace(/\/$/, '') + GIT_PATH(target.id)
  const scope = `http.${target.url.replace(/\/$/, '')}/`
  const local = /^https?:\/\/(127\.|localhost[:/]|\[::1\])/.test(target.url)
  return {
    url,
    config: [
      [`${scope}.extraHeader`, `Authorization: Bearer ${target.token}`],
      // Nobody else's passwords are offered to our server, and a loopback server is behind no proxy.
      ['credential.helper', ''],
      ['http.followRedirects', 'false'],
      // A push of a large tree is one request of unknown length; old git would send it in one buffer.
      ['http.postBuffer', String(1024 * 1024)],
      ...(local ? ([[`${scope}.proxy`, '']] as const) : []),
    ],
  }
}

export async function pushSnapshot(top: string, snapshot: Snapshot, push: { target: Target; signal: AbortSignal; onProgress?: (line: string) => void }): Promise<readonly string[]> {
  const { target, signal, onProgress } = push
  const remote = hostedRemote(target)
  const options: GitOptions & { config: readonly (readonly [string, string])[] } = { cwd: top, signal, env: snapshot.env, config: remote.config, ...(onProgress ? { onProgress } : {}) }
  // Machines cannot fetch from a history that is cut off; the files themselves can always travel.
  const head = snapshot.shallow ? await withoutHistory({ top, signal }, snapshot.env, snapshot.head) : snapshot.head
  const wip = snapshot.shallow && snapshot.wip ? await rebased({ top, signal }, snapshot, head) : snapshot.wip
  const result = await tryGit(['push', '--progress', '--no-verify', '--force', remote.url, `${head}:${HOSTED_REFS.head}`, ...(wip ? [`${wip}:${HOSTED_REFS.wip}`] : [])], options)
  if (result.code !== 0) throw new BerthError('clone_refused', `the code could not be sent: ${lastWords(result.stderr)}`, { hint: 'see `berth server logs`' })
  return snapshot.shallow ? ['the clone is shallow; the workspace has the files without the history (`git fetch --unshallow` first would bring it)'] : []
}

async function rebased(work: { top: string; signal: AbortSignal }, snapshot: Snapshot, head: string): Promise<string> {
  const options = { cwd: work.top, signal: work.signal, env: snapshot.env }
  const index = (await git(['commit-tree', `${snapshot.wip}^2^{tree}`, '-p', head, '-m', 'index'], options)).trim()
  return (await git(['commit-tree', `${snapshot.wip}^{tree}`, '-p', head, '-p', index, '-m', 'work in progress'], options)).trim()
}

/** Fetches what only this machine may fetch, with the person's own access, into a directory of ours. */
export async function fetchSnapshot(source: { url: string; branch?: string | undefined; scratch: string }, run: { signal: AbortSignal; onProgress?: (line: string) => void }): Promise<Snapshot> {
  const { signal, onProgress } = run
  const options = { cwd: source.scratch, signal, ...(onProgress ? { onProgress } : {}) }
  await git(['init', '--quiet', '--bare', '.'], options)
  const wanted = source.branch ?? 'HEAD'
  const fetched = await tryGit(['fetch', '--progress', '--no-tags', '--', source.url, `+${wanted}:refs/heads/source`], options)
  if (fetched.code !== 0) {
    throw new BerthError('clone_refused', `${lastWords(fetched.stderr)}`, { hint: `try \`git ls-remote\` of it here; Berth uses your own access${source.branch ? `, and wants ${source.branch}` : ''}` })
  }
  const snapshot = await takeSnapshot({ top: source.scratch, bare: true, scratch: `${source.scratch}/side`, include: [], signal })
  const head = (await git(['rev-parse', 'refs/heads/source'], options)).trim()
  return { ...snapshot, head, branch: source.branch ?? null, notices: [] }
}
