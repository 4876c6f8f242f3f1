/** Brings the source into the work directory, each kind in its own way, on the branch of the workspace. */
import { readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { BerthError, HOSTED_REFS } from '@berth/wire'
import type { CodeSource } from '@berth/wire'
import type { AsAgent } from '../../contracts.ts'
import { createSafeGit, gitRefusal } from './safe-git.ts'
import type { GitRun, SafeGit } from './safe-git.ts'

/** Keeps what the workspace began with, for diffs, and from being collected. */
export const SOURCE_REF = 'refs/berth/source'
/** What a person sent last, without what is ignored: what is beyond it, the agent made. */
export const PUSHED_REF = 'refs/berth/pushed'
/** The same with ignored files that they named. */
export const SENT_REF = 'refs/berth/sent'
const NEWEST_REF = 'refs/berth/newest'
const BESIDE = '.berth-clone'
const IDENTITY = { name: 'Berth', email: 'berth@localhost' } as const

export interface SourceDeps {
  readonly asAgent: AsAgent
  readonly workDir: string
  /** `http://127.0.0.1:…/…/git`, which leads to this workspace's hosted repository. */
  readonly hostedUrl: () => Promise<string>
  /** Unpacks the uploaded archive into the work directory, as the agent. */
  readonly unpackArchive: (signal: AbortSignal) => Promise<void>
}
export interface BroughtSource { /** The commit that stands for the source; null: there is no git here. */ readonly commit: string | null; readonly detail: string }

/** The work directory must be empty, but for places of volumes. */
export async function bringSource(deps: SourceDeps, subject: { source: CodeSource; name: string }, signal: AbortSignal): Promise<BroughtSource> {
  const git = createSafeGit(deps.asAgent, deps.workDir)
  const branch = `berth/${subject.name}`
  switch (subject.source.kind) {
    case 'git': return cloneSource(git, subject.source, branch, signal)
    case 'hosted': return fetchHosted(git, await deps.hostedUrl(), branch, signal)
    case 'archive':
      await deps.unpackArchive(signal)
      return beginRepository(git, branch, 'what was uploaded', signal)
    case 'empty': return beginRepository(git, branch, 'an empty directory', signal)
  }
}

async function cloneSource(git: SafeGit, source: Extract<CodeSource, { kind: 'git' }>, branch: string, signal: AbortSignal): Promise<BroughtSource> {
  const { url, config } = separateCredentials(source.url)
  if (/^-|^ext::/.test(url)) throw new BerthError('clone_refused', 'this is not an address of a repository', { hint: 'use https, ssh or file' })
  const filter = /^https?:/.test(url) ? ['--filter=blob:none'] : []
  const chosen = source.branch === undefined ? [] : ['--branch', source.branch]
  // Git clones into nothing but an empty directory, and one with places of volumes is none.
  const beside = readdirSync(git.dir).length > 0
  const result = await git.attempt(['clone', ...filter, ...chosen, ...(beside ? ['--no-checkout'] : []), '--', url, beside ? BESIDE : '.'], { config, signal })
  if (result.exitCode !== 0) throw gitRefusal('clone', result.stderr)
  if (beside) {
    renameSync(join(git.dir, BESIDE, '.git'), join(git.dir, '.git'))
    rmSync(join(git.dir, BESIDE), { recursive: true })
  }
  const empty = (await git.attempt(['rev-parse', '--verify', '-q', 'HEAD'])).exitCode !== 0
  if (empty) {
    await git(['symbolic-ref', 'HEAD', `refs/heads/${branch}`])
    return { commit: null, detail: `cloned ${url}, which is empty` }
  }
  if (source.commit !== undefined) await git(['fetch', 'origin', source.commit], { config, signal }).catch(() => '')
  const start = source.commit === undefined ? 'HEAD' : `${source.commit}^{commit}`
  await git(['checkout', '-q', '--no-track', '-B', branch, start], { config, signal })
  return settle(git, await head(git), `cloned ${url}${await bringSubmodules(git, config, signal)}`)
}

/** Code that was cloned before it was asked for, which nobody has touched: what stands at its origin now, on the branch that it is to have. */
export async function renewSource(git: SafeGit, subject: { source: Extract<CodeSource, { kind: 'git' }>; name: string }, signal: AbortSignal): Promise<BroughtSource> {
  const branch = `berth/${subject.name}`
  const { config } = separateCredentials(subject.source.url)
  const before = await git.attempt(['symbolic-ref', '--short', '-q', 'HEAD'])
  if (before.exitCode === 0 && before.stdout.trim() !== branch) await git(['branch', '-M', branch])
  const fetched = await git.attempt(['fetch', '-q', '--no-write-fetch-head', 'origin', `+${subject.source.branch ?? 'HEAD'}:${NEWEST_REF}`], { config, signal })
  if (fetched.exitCode !== 0) return { commit: null, detail: `it is as it was cloned: ${gitRefusal('fetch', fetched.stderr).message}` }
  await git(['checkout', '-q', '--no-track', '-B', branch, NEWEST_REF], { config, signal })
  await git(['update-ref', '-d', NEWEST_REF])
  return settle(git, await head(git), `brought up to date${await bringSubmodules(git, config, signal)}`)
}

/**
 * The state of the person's directory, exactly: their commit checked out, their index, their worktree. The upload
 * is one commit whose tree is the worktree, whose first parent is HEAD and whose second parent holds the index.
 */
async function fetchHosted(git: SafeGit, hostedUrl: string, branch: string, signal: AbortSignal): Promise<BroughtSource> {
  await git(['init', '-q'])
  const config = [['remote.berth-hosted.url', hostedUrl]] as const
  const listed = await git(['ls-remote', 'berth-hosted'], { config, signal })
  const refs = new Map(listed.split('\n').filter(Boolean).map((line) => line.split('\t').reverse() as [string, string]))
  if (!refs.has(HOSTED_REFS.head)) {
    await git(['symbolic-ref', 'HEAD', `refs/heads/${branch}`])
    return beginRepository(git, branch, 'an upload without a commit', signal)
  }
  const wanted = [`+${HOSTED_REFS.head}:${SOURCE_REF}`, ...(refs.has(HOSTED_REFS.wip) ? [`+${HOSTED_REFS.wip}:${HOSTED_REFS.wip}`] : [])]
  // A shallow clone was sent as it is: without the word, git passes over refs whose history is cut off.
  await git(['fetch', '-q', '--update-shallow', '--no-tags', '--no-write-fetch-head', 'berth-hosted', ...wanted], { config, signal })
  await git(['checkout', '-q', '--no-track', '-B', branch, SOURCE_REF], { signal })
  if (!refs.has(HOSTED_REFS.wip)) return settle(git, await head(git), 'checked out what was uploaded')
  await applyWip(git, HOSTED_REFS.wip, signal)
  const author = (await git(['log', '-1', '--format=%an%n%ae', HOSTED_REFS.wip])).trim().split('\n')
  return settle(git, (await git(['rev-parse', HOSTED_REFS.wip])).trim(), 'checked out what was uploaded, with the uncommitted changes', { name: author[0] ?? '', email: author[1] ?? '' })
}

/**
 * What the tree refers to, as far as this machine may fetch it: a workspace without a submodule is of use, and the agent
 * can fetch it later. Paths of this machine stay closed, as git has them by default.
 */
async function bringSubmodules(git: SafeGit, config: GitRun['config'] & {}, signal: AbortSignal): Promise<string> {
  const named = await git.attempt(['ls-files', '--error-unmatch', '.gitmodules'])
  if (named.exitCode !== 0) return ''
  const result = await git.attempt(['submodule', 'update', '--init', '--recursive', '--jobs', '4'], { config, signal })
  return result.exitCode === 0 ? ', with its submodules' : `; submodules are missing: ${gitRefusal('submodule', result.stderr).message}`
}

async function applyWip(git: SafeGit, wip: string, signal: AbortSignal): Promise<void> {
  await git(['read-tree', '-u', '-m', 'HEAD', wip], { signal })
  await git(['read-tree', `${wip}^2`], { signal })
  // Exit code 1 only says that files differ from the index, which is what was uploaded.
  await git.attempt(['update-index', '-q', '--refresh'], { signal })
}

async function beginRepository(git: SafeGit, branch: string, what: string, signal: AbortSignal): Promise<BroughtSource> {
  const probe = await git.attempt(['init', '-q', '-b', branch])
  if (probe.exitCode === 127) return { commit: null, detail: `${what}; this image has no git, so there is no history` }
  if (probe.exitCode !== 0) throw gitRefusal('init', probe.stderr)
  await git(['add', '-A'], { signal })
  await git(['commit', '-q', '--allow-empty', '-m', 'What the workspace began with'], { env: identityEnvironment(), signal })
  return settle(git, await head(git), what)
}

async function settle(git: SafeGit, commit: string, detail: string, person: { name: string; email: string } = IDENTITY): Promise<BroughtSource> {
  await git(['update-ref', SOURCE_REF, commit])
  // The repository's own identity, so that the agent's commits work without any set-up in its home.
  const identity = person.name === '' || person.email === '' ? IDENTITY : person
  // Or without any: the machine's git knows who commits here.
  if (identity === IDENTITY && git.commitsAs().identity !== null) return { commit, detail }
  for (const key of ['name', 'email'] as const) await git(['config', '--local', `user.${key}`, identity[key]])
  return { commit, detail }
}

/** A token in the address would stay in the clone's config and in argv: it goes along in a header instead. */
function separateCredentials(address: string): { url: string; config: (readonly [string, string])[] } {
  if (!/^https?:\/\//.test(address) || !URL.canParse(address)) return { url: address, config: [] }
  const url = new URL(address)
  if (url.username === '' && url.password === '') return { url: address, config: [] }
  const basic = Buffer.from(`${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`).toString('base64')
  url.username = ''
  url.password = ''
  return { url: url.href, config: [[`http.${url.origin}/.extraHeader`, `Authorization: Basic ${basic}`]] }
}

async function head(git: SafeGit): Promise<string> {
  return (await git(['rev-parse', 'HEAD'])).trim()
}

export function identityEnvironment(): Record<string, string> {
  return { GIT_AUTHOR_NAME: IDENTITY.name, GIT_AUTHOR_EMAIL: IDENTITY.email, GIT_COMMITTER_NAME: IDENTITY.name, GIT_COMMITTER_EMAIL: IDENTITY.email }
}
