/**
 * The image of a machine: the one that was asked for, or the default one. The default is built from the Dockerfile in
 * images/workspace on the first base that can be had: a tag of an earlier run, debian:12-slim from a registry, a root
 * filesystem made from Debian packages, and last this host's own /usr. `full` is the same with the usual toolchains.
 */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ProviderFault } from '@berth/core'
// @ts-expect-error: `type: text` makes it a string, which the type checker does not know of
import baseScriptText from '../../images/base/build.sh' with { type: 'text' }
// @ts-expect-error: as above
import dockerfileText from '../../images/workspace/Dockerfile' with { type: 'text' }
import type { Engine } from './engine.ts'
import { hostUsrPaths, hostUsrRoot } from './host-usr.ts'
import { followProgress } from './progress.ts'
import { tar } from './tar.ts'

const baseScript: string = baseScriptText
const dockerfile: string = dockerfileText

/** `hostPaths` are mounted read-only at the same place: empty but for the image that borrows this host's /usr. */
export interface ReadyImage { readonly reference: string; readonly hostPaths: readonly string[] }
export interface ImageDeps { readonly engine: Engine; readonly engineIsHere: boolean; readonly log: (line: string) => void; readonly base: 'auto' | 'host-usr' }

/** Ours, by their names for `--image`: each with its further packages of Debian. */
const BUILT = {
  small: [],
  full: ['build-essential', 'pkg-config', 'nodejs', 'npm', 'python3-pip', 'python3-venv', 'golang-go', 'rustc', 'cargo'],
} as const
type Built = keyof typeof BUILT
/** Languages whose toolchains are in `full`. */
export const FULL_LANGUAGES: ReadonlySet<string> = new Set(['Node', 'Python', 'Go', 'Rust'])
const PULLED_BASE = 'debian:12-slim'
/** A registry that cannot be reached must not hold up the other ways to a base. */
const REGISTRY_ANSWER_MS = 20_000
const BUILD_MS = 20 * 60_000

export async function ensureImage(deps: ImageDeps, wanted: string | null, signal: AbortSignal): Promise<ReadyImage> {
  const built = wanted === null ? 'small' : wanted
  if (!isBuilt(built)) return ensureNamed(deps, built, signal)
  return deps.base === 'host-usr' ? ensureHostUsr(deps, signal) : ensureBuilt(deps, built, signal)
}
const isBuilt = (name: string): name is Built => Object.hasOwn(BUILT, name)

/** Made here: what is in it is known. */
export const isBuiltHere = ({ reference }: ReadyImage): boolean => [tagOf('small'), tagOf('full')].includes(reference)
/** It was made before, and costs nothing. */
export const hasFull = ({ engine, base }: Pick<ImageDeps, 'engine' | 'base'>, signal: AbortSignal): Promise<boolean> => (base === 'host-usr' ? Promise.resolve(false) : hasImage(engine, tagOf('full'), signal))
const tagOf = (built: Built): string => (built === 'small' ? `berth/workspace:${hashOf(dockerfile, baseScript)}` : `berth/workspace-${built}:${hashOf(dockerfile, baseScript, ...BUILT[built])}`)

async function ensureNamed(deps: ImageDeps, reference: string, signal: AbortSignal): Promise<ReadyImage> {
  if (!/^[a-zA-Z0-9][\w./:@-]{0,254}$/.test(reference)) throw new ProviderFault('invalid', `'${reference}' is not the name of an image`, { hint: 'a name looks like debian:12 or ghcr.io/owner/name@sha256:…' })
  if (!(await hasImage(deps.engine, reference, signal))) await pull(deps, reference, signal)
  return { reference, hostPaths: [] }
}

async function ensureBuilt(deps: ImageDeps, built: Built, signal: AbortSignal): Promise<ReadyImage> {
  const reference = tagOf(built)
  if (await hasImage(deps.engine, reference, signal)) return { reference, hostPaths: [] }
  const base = await ensureBase(deps, built, signal)
  if (base === null) return ensureHostUsr(deps, signal)
  deps.log('building the workspace image')
  const answer = await deps.engine.call('/build', {
    method: 'POST', what: 'building the workspace image', contentType: 'application/x-tar', timeoutMs: BUILD_MS,
    query: { t: reference, version: '1', rm: '1', forcerm: '1', buildargs: JSON.stringify({ BASE: base, MORE: BUILT[built].join(' ') }) },
    body: tar([{ path: 'Dockerfile', kind: 'file', mode: 0o644, content: dockerfile }]),
  }, signal)
  await followProgress(answer, deps.log, 'building the workspace image')
  return { reference, hostPaths: [] }
}

/** Null: no base can be had, and only this host's own files are left. */
async function ensureBase(deps: ImageDeps, built: Built, signal: AbortSignal): Promise<string | null> {
  const script = `MORE=${BUILT[built].join(',')}\n${baseScript}`
  const made = `berth/base${built === 'small' ? '' : `-${built}`}:${hashOf(script)}`
  if (await hasImage(deps.engine, made, signal)) return made
  if (await canPull(deps, PULLED_BASE, signal)) return PULLED_BASE
  deps.log(`making a base image from Debian packages; this takes ${built === 'small' ? 'a minute' : 'some minutes'}, once`)
  return (await makeFromPackages(deps, { reference: made, script }, signal)) ? made : null
}

/** True: the image is here now. False: no registry has it, which is no reason to give up. */
export async function canPull(deps: ImageDeps, reference: string, signal: AbortSignal): Promise<boolean> {
  if (await hasImage(deps.engine, reference, signal)) return true
  try {
    await pull(deps, reference, signal)
    return true
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof ProviderFault && error.category === 'no_space') throw error
    deps.log(`no ${reference}: ${error instanceof Error ? error.message : String(error)}`)
    return false
  }
}

/** `script` writes a root filesystem to the file it is given. False: this host cannot make one, and the log says why. */
export async function makeFromPackages(deps: ImageDeps, { reference, script }: { reference: string; script: string }, signal: AbortSignal): Promise<boolean> {
  if (Bun.which('mmdebstrap', { PATH: process.env['PATH'] ?? '' }) === null) {
    deps.log('no image from packages: mmdebstrap is not installed')
    return false
  }
  const dir = await mkdtemp(join(tmpdir(), 'berth-base-'))
  try {
    const file = join(dir, 'base.tar')
    const build = Bun.spawn(['sh', '-s', file], { stdin: new Blob([script]), stdout: 'ignore', stderr: 'pipe', signal })
    const said = await new Response(build.stderr).text()
    if ((await build.exited) !== 0) {
      signal.throwIfAborted()
      deps.log(`no image from packages: ${said.trim().split('\n').at(-1) ?? ''}`)
      return false
    }
    await importRoot(deps, reference, Bun.file(file), signal)
    return true
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

export async function ensureHostUsr(deps: ImageDeps, signal: AbortSignal): Promise<ReadyImage> {
  if (!deps.engineIsHere || process.platform !== 'linux' || !existsSync('/usr/bin/env')) {
    throw new ProviderFault('unsupported', 'no base for the workspace image can be pulled or made', { hint: 'give an image with --image, or let the engine reach a registry' })
  }
  const root = hostUsrRoot()
  const reference = `berth/host-usr:${hashOf(root)}`
  if (!(await hasImage(deps.engine, reference, signal))) {
    deps.log('making an image that borrows the programs of this computer')
    await importRoot(deps, reference, root, signal)
  }
  return { reference, hostPaths: hostUsrPaths() }
}

export async function hasImage(engine: Engine, reference: string, signal: AbortSignal): Promise<boolean> {
  const answer = await engine.call(`/images/${reference}/json`, { what: `looking for the image ${reference}`, accept: [404] }, signal)
  await answer.body?.cancel()
  return answer.status !== 404
}

async function pull(deps: ImageDeps, reference: string, signal: AbortSignal): Promise<void> {
  deps.log(`pulling ${reference}`)
  const what = `pulling ${reference}`
  // The engine answers with headers as soon as the registry has; the layers then take the time they take.
  const quick = new AbortController()
  const timer = setTimeout(() => quick.abort(), REGISTRY_ANSWER_MS)
  const named = /[:@]/.test(reference.slice(reference.lastIndexOf('/') + 1)) ? reference : `${reference}:latest`
  try {
    const answer = await deps.engine.call('/images/create', { method: 'POST', query: { fromImage: named }, what, timeoutMs: BUILD_MS }, AbortSignal.any([signal, quick.signal]))
    clearTimeout(timer)
    await followProgress(answer, deps.log, what)
  } catch (cause) {
    signal.throwIfAborted()
    if (cause instanceof ProviderFault && (cause.category === 'no_space' || cause.category === 'transient')) throw cause
    const said = cause instanceof Error && !quick.signal.aborted ? cause.message : `${what}: no registry answered`
    throw new ProviderFault('not_found', said, { hint: 'check the name of the image, and that the engine reaches its registry and may read it', cause })
  } finally {
    clearTimeout(timer)
  }
}

async function importRoot(deps: ImageDeps, reference: string, body: Uint8Array<ArrayBuffer> | Blob, signal: AbortSignal): Promise<void> {
  const [repo = '', tag = ''] = reference.split(':')
  const what = `importing ${reference}`
  const answer = await deps.engine.call('/images/create', { method: 'POST', query: { fromSrc: '-', repo, tag }, body, contentType: 'application/x-tar', what, timeoutMs: BUILD_MS }, signal)
  await followProgress(answer, () => {}, what)
}

export function hashOf(...parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part).update('\0')
  return hash.digest('hex').slice(0, 16)
}
