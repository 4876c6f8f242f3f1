/** Brings what is committed here to a repository of the server, and lets git find it again as a remote. */
import { resolve } from 'node:path'
import { BerthError } from '@berth/wire/error'
import type { RepositoryToken } from '@berth/wire/hosted'
import type { Context } from '../context.ts'
import { git, lastWords, tryGit } from '../source/git.ts'
import { helperSettings } from './credential.ts'

export const REMOTE = 'berth'

/** Null: the directory holds nothing that could be brought. Asked before a repository is made. */
export async function branchHere({ cwd, signal }: Pick<Context, 'cwd' | 'signal'>, dir: string): Promise<{ top: string; branch: string }> {
  const at = { cwd: resolve(cwd, dir), signal }
  const top = await tryGit(['rev-parse', '--show-toplevel'], at)
  if (top.code !== 0) throw new BerthError('bad_request', `${dir} is no git repository`, { hint: '`git init` makes one; `berth up .` takes a directory as it is' })
  const branch = await tryGit(['symbolic-ref', '--quiet', '--short', 'HEAD'], at)
  if (branch.code !== 0) throw new BerthError('bad_request', 'no branch is checked out here', { hint: '`git switch -c <branch>`, then again' })
  if ((await tryGit(['rev-parse', '--verify', '--quiet', 'HEAD'], at)).code !== 0) throw new BerthError('bad_request', 'nothing is committed here', { hint: '`git commit`, then again' })
  return { top: top.stdout.trim(), branch: branch.stdout.trim() }
}

export async function bring({ top, branch }: { top: string; branch: string }, token: RepositoryToken, { signal }: Pick<Context, 'signal'>): Promise<void> {
  const { origin } = new URL(token.url)
  const basic = Buffer.from(`${token.username}:${token.token}`).toString('base64')
  const settings = helperSettings(token.url)
  const pushed = await tryGit(['push', '--progress', '--no-verify', token.url, `HEAD:refs/heads/${branch}`], {
    // The password stands in the environment of this one process.
    cwd: top, signal, config: [[`http.${origin}/.extraHeader`, `Authorization: Basic ${basic}`], ['credential.helper', ''], ...settings.filter(([name]) => name.endsWith('.proxy'))],
  })
  if (pushed.code !== 0) throw new BerthError('clone_refused', `the code was not taken: ${lastWords(pushed.stderr)}`, { hint: 'the repository is made: push again, or take it away with `berth repos remove`' })
  const known = await tryGit(['remote', 'get-url', REMOTE], { cwd: top, signal })
  await git(known.code === 0 ? ['remote', 'set-url', REMOTE, token.url] : ['remote', 'add', REMOTE, token.url], { cwd: top, signal })
  const names = new Set(settings.map(([name]) => name))
  for (const name of names) await tryGit(['config', '--unset-all', name], { cwd: top, signal })
  for (const [name, value] of settings) await git(['config', '--add', name, value], { cwd: top, signal })
}
