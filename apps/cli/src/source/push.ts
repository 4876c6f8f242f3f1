/** Brings a repository to the server's repository of a workspace. */
import { BerthError } from '@berth/wire/error'
import type { WorkspaceId } from '@berth/wire'
import { GIT_PATH, HOSTED_REFS } from './hosted.ts'
import { git, lastWords, tryGit, type GitOptions } from './git.ts'
import { takeSnapshot, type Snapshot } from './snapshot.ts'

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

interface Push { readonly target: Target; readonly signal: AbortSignal; readonly onProgress?: (line: string) => void }

export async function pushSnapshot(top: string, snapshot: Snapshot, push: Push): Promise<readonly string[]> {
  const { head, wip } = snapshot
  const refs = [`${head}:${HOSTED_REFS.head}`, ...(wip ? [`${wip}:${HOSTED_REFS.wip}`] : [])]
  // The first push of a shallow clone also says where its history ends; git reports on no second ref beside it.
  for (const together of snapshot.shallow ? refs.map((ref) => [ref]) : [refs]) await pushRefs(top, { env: snapshot.env, refs: together }, push)
  return snapshot.shallow ? ['the clone is shallow, and so is the workspace: its history ends where yours does'] : []
}

/** `refs` are those that a person may write (`HOSTED_REFS`). */
export async function pushRefs(top: string, what: { readonly env: Readonly<Record<string, string>>; readonly refs: readonly string[] }, { target, signal, onProgress }: Push): Promise<void> {
  const remote = hostedRemote(target)
  const options: GitOptions & { config: readonly (readonly [string, string])[] } = { cwd: top, signal, env: what.env, config: remote.config, ...(onProgress ? { onProgress } : {}) }
  const result = await tryGit(['push', '--progress', '--no-verify', '--force', remote.url, ...what.refs], options)
  if (result.code !== 0) throw new BerthError('clone_refused', `the code could not be sent: ${lastWords(result.stderr)}`, { hint: 'see `berth server logs`' })
}

/** Git and ssh say so only in words. */
const NO_WAY_THERE = /Could not resolve host\w*|Connection (?:refused|timed out|reset)|Failed to connect|Network is unreachable|No route to host/i

/** Fetches what only this machine may fetch, with the person's own access, into a directory of ours. */
export async function fetchSnapshot(source: { url: string; branch?: string | undefined; scratch: string }, run: { signal: AbortSignal; onProgress?: (line: string) => void }): Promise<Snapshot> {
  const { signal, onProgress } = run
  const options = { cwd: source.scratch, signal, ...(onProgress ? { onProgress } : {}) }
  await git(['init', '--quiet', '--bare', '.'], options)
  const wanted = source.branch ?? 'HEAD'
  const fetched = await tryGit(['fetch', '--progress', '--no-tags', '--', source.url, `+${wanted}:refs/heads/source`], options)
  if (fetched.code !== 0 && NO_WAY_THERE.test(fetched.stderr)) {
    throw new BerthError('network_unreachable', `the repository cannot be reached: ${fetched.stderr.match(NO_WAY_THERE)?.[0]}`, { hint: 'check the network and the address' })
  }
  if (fetched.code !== 0) {
    throw new BerthError('clone_refused', `${lastWords(fetched.stderr)}`, { hint: `try \`git ls-remote\` of it here; Berth uses your own access${source.branch ? `, and wants ${source.branch}` : ''}` })
  }
  const snapshot = await takeSnapshot({ top: source.scratch, bare: true, scratch: `${source.scratch}/side`, include: [], signal })
  const head = (await git(['rev-parse', 'refs/heads/source'], options)).trim()
  return { ...snapshot, head, branch: source.branch ?? null, notices: [] }
}
