/** What a person means by the argument of `up`. */
import { stat } from 'node:fs/promises'
import { basename, resolve } from 'node:path'
import { BerthError } from '@berth/wire/error'
import { tryGit } from './git.ts'

export type Source =
  /** The server clones it. */
  | { readonly kind: 'url'; readonly url: string }
  /** Only this machine can reach it, or has the key: the CLI fetches and pushes it to the server. */
  | { readonly kind: 'fetched'; readonly url: string; readonly label: string }
  | { readonly kind: 'repository'; readonly top: string; readonly bare: boolean }
  | { readonly kind: 'directory'; readonly path: string }
  /** Perhaps a workspace. */
  | { readonly kind: 'word'; readonly word: string }

const SCP_FORM = /^(?:[\w.-]+@)?[A-Za-z0-9][\w.-]*:(?!\/\/)[^\s]+$/

export async function readSource(argument: string, cwd: string, signal: AbortSignal): Promise<Source> {
  // oxlint-disable-next-line no-control-regex
  if (/[\u0000-\u001f]/.test(argument)) throw new BerthError('bad_request', 'the source holds control characters', { hint: 'give a directory, a git url, or a workspace' })
  const scheme = argument.match(/^([a-z][a-z0-9+.-]*):\/\//i)?.[1]?.toLowerCase()
  if (scheme !== undefined) return urlSource(argument, scheme)
  const path = resolve(cwd, argument)
  const found = await stat(path).catch(() => null)
  if (found?.isDirectory()) return localSource(path, signal)
  if (found) throw new BerthError('bad_request', `${argument} is a file`, { hint: 'give a directory, a git url, or a workspace' })
  if (SCP_FORM.test(argument)) return { kind: 'fetched', url: argument, label: argument }
  if (argument.startsWith('.') || argument.startsWith('/') || argument.startsWith('~')) throw new BerthError('not_found', `there is no directory ${path}`, { hint: 'give a directory, a git url, or a workspace' })
  return { kind: 'word', word: argument }
}

function urlSource(text: string, scheme: string): Source {
  const url = URL.parse(text)
  if (!url || !['http', 'https', 'ssh', 'git', 'file', 'git+ssh'].includes(scheme)) throw new BerthError('bad_request', `"${text}" is not a git url`, { hint: 'https://…, ssh://…, git@host:path or file:///…' })
  if (url.password !== '' || (url.username !== '' && /^https?$/.test(scheme))) {
    // Its credential is this machine's business: fetched here, it never reaches the server.
    const label = new URL(url)
    label.username = ''
    label.password = ''
    return { kind: 'fetched', url: text, label: label.href }
  }
  return /^(https?|git)$/.test(scheme) ? { kind: 'url', url: text } : { kind: 'fetched', url: text, label: text }
}

async function localSource(path: string, signal: AbortSignal): Promise<Source> {
  const bare = await tryGit(['rev-parse', '--is-bare-repository', '--is-inside-git-dir'], { cwd: path, signal })
  if (bare.code !== 0) {
    // Git answers 128 for "no repository here" and for one it refuses to open; only the second is worth a stop.
    if (bare.stderr.includes('dubious ownership')) throw new BerthError('forbidden', `git does not trust ${path}: somebody else owns it`, { hint: `git config --global --add safe.directory ${path}` })
    return { kind: 'directory', path }
  }
  const [isBare] = bare.stdout.trim().split('\n')
  if (isBare === 'true') return { kind: 'repository', top: path, bare: true }
  const top = await tryGit(['rev-parse', '--show-toplevel'], { cwd: path, signal })
  if (top.code !== 0) return { kind: 'directory', path }
  return { kind: 'repository', top: top.stdout.replace(/\n$/, ''), bare: false }
}

/** A workspace's name from a path, made of what names allow. */
export function nameFromPath(path: string): string {
  const name = basename(path).toLowerCase().replace(/\.git$/, '').replace(/[^a-z0-9-]+/g, '-').replace(/^-+/, '').slice(0, 36).replace(/-+$/, '')
  return name || 'workspace'
}
