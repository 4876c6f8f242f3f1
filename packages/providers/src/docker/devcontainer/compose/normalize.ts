/**
 * What a compose file comes to, told by compose itself: includes, overrides, defaults and variables are its business. It
 * reads whatever file it is told to, so it runs where there is nothing but the project: in a container without a
 * network, without rights, that has never seen this host.
 */
import { randomBytes } from 'node:crypto'
import { readdir, stat } from 'node:fs/promises'
import { join, posix } from 'node:path'
import type { ProjectContext } from '@berth/core'
import type { Engine } from '../../engine.ts'
import { demultiplex } from '../../output.ts'
import { BuildFailed } from '../cli.ts'

/** Where the project is in that container. One level down, since `../..` of a file of `.devcontainer` is beside it. */
export const PROJECT_PARENT = '/srv/code'
export const PROJECT_ROOT = `${PROJECT_PARENT}/workspace`

/** Compose files, and what they take variables from, are small. */
const FILE_LIMIT_BYTES = 256 * 1024
const FILES_LIMIT = 10_000
const ALL_LIMIT_BYTES = 64 * 1024 * 1024
const LEFT_OUT = new Set(['.git', 'node_modules'])
const WITHIN_MS = 60_000
const MEMORY_BYTES = 512 * 1024 * 1024
const PIDS = 128

export interface ComposeFiles {
  readonly image: string
  /** The copy of the project on this host. */
  readonly folder: string
  /** Paths in the project. */
  readonly files: readonly string[]
}

/** Throws `BuildFailed` with compose's own words. */
export async function normalizeCompose(engine: Engine, { image, folder, files }: ComposeFiles, { signal, log }: ProjectContext): Promise<unknown> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(WITHIN_MS)])
  log(`reading ${files.join(', ')}`)
  const words = ['docker-compose', ...files.flatMap((file) => ['-f', posix.join(PROJECT_ROOT, file)]), '--profile', '*', '--project-name', 'berth', 'config', '--format', 'json']
  const { Id } = await engine.json<{ Id: string }>('/containers/create', {
    method: 'POST', query: { name: `berth-compose-${randomBytes(6).toString('hex')}` }, what: 'reading the compose file',
    json: {
      Image: image, Entrypoint: words, Cmd: [], WorkingDir: '/', Env: ['HOME=/tmp'], NetworkDisabled: true, User: '0:0',
      HostConfig: { NetworkMode: 'none', CapDrop: ['ALL'], SecurityOpt: ['no-new-privileges'], Memory: MEMORY_BYTES, PidsLimit: PIDS, Init: true },
    },
  }, limit)
  try {
    const put = await engine.call(`/containers/${Id}/archive`, { method: 'PUT', query: { path: '/' }, body: await packed(folder, limit), contentType: 'application/x-tar', what: 'copying the compose files' }, limit)
    await put.body?.cancel()
    const started = await engine.call(`/containers/${Id}/start`, { method: 'POST', what: 'reading the compose file' }, limit)
    await started.body?.cancel()
    const { StatusCode } = await engine.json<{ StatusCode: number }>(`/containers/${Id}/wait`, { method: 'POST', what: 'reading the compose file', timeoutMs: WITHIN_MS }, limit)
    const answer = await engine.call(`/containers/${Id}/logs`, { query: { stdout: '1', stderr: '1' }, what: 'reading the compose file' }, limit)
    const bytes = new Uint8Array(await answer.arrayBuffer())
    const said = (stream: 1 | 2): string => new TextDecoder().decode(demultiplex(bytes, stream))
    if (StatusCode !== 0) throw new BuildFailed(said(2).trim().split('\n').at(-1)?.replaceAll(`${PROJECT_ROOT}/`, '').slice(0, 300) || 'compose cannot read it', said(2))
    return JSON.parse(said(1))
  } finally {
    const removed = await engine.call(`/containers/${Id}`, { method: 'DELETE', query: { force: '1', v: '1' }, what: 'removing what read the compose file', accept: [404, 409] }, AbortSignal.timeout(10_000))
    await removed.body?.cancel()
  }
}

async function packed(folder: string, signal: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
  const paths = await smallFiles(folder)
  const child = Bun.spawn(['tar', '-c', '-f', '-', '--transform', `s,^,${PROJECT_ROOT.slice(1)}/,S`, '--owner=0', '--group=0', '--null', '--no-recursion', '-T', '-'], { cwd: folder, stdin: new Blob([paths.join('\0')]), stdout: 'pipe', stderr: 'ignore', signal })
  const bytes = await new Response(child.stdout).bytes()
  if ((await child.exited) !== 0) throw new BuildFailed('its files could not be packed', '')
  return bytes
}

async function smallFiles(folder: string): Promise<string[]> {
  const found: string[] = []
  let size = 0
  const walk = async (dir: string): Promise<void> => {
    for (const entry of await readdir(join(folder, dir), { withFileTypes: true })) {
      const path = posix.join(dir, entry.name)
      if (entry.isDirectory() && !LEFT_OUT.has(entry.name)) await walk(path)
      if (!entry.isFile()) continue
      const bytes = (await stat(join(folder, path))).size
      if (bytes > FILE_LIMIT_BYTES || found.length >= FILES_LIMIT || size + bytes > ALL_LIMIT_BYTES) continue
      size += bytes
      found.push(path)
    }
  }
  await walk('')
  return found
}
