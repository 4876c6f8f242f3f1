/**
 * The toolbox for machines that do not share this host's files: the daemon for one that has nothing yet but its boot
 * token, the agents' programs for a daemon over its link. Nothing of it is secret; a token keeps strangers from drawing it.
 */
import { timingSafeEqual } from 'node:crypto'
import { mkdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { LinkStore } from '@berth/core'
import { BerthError } from '@berth/wire'
import type { WorkspaceId } from '@berth/wire'

export interface ToolboxFiles {
  /** `GET /toolbox/<hash>/berth-daemon` and `/toolbox/programs/<name>` of the link's listener. */
  daemon(request: Request, pathname: string): Promise<Response>
  /** `<agent>-<version>`, as a tar.zst. */
  program(name: string): Promise<Response>
}

const DAEMON_PATH = /^\/toolbox\/([0-9a-f]{8,64})\/berth-daemon$/
const PROGRAM_PATH = /^\/toolbox\/programs\/([^/]{1,110})$/
const PROGRAM = /^[a-z][a-z-]{0,40}-\d[\w.+-]{0,60}$/
const TOKEN = /^Bearer (ws_[a-z0-9]+)\.(\d{1,9})\.(\S{1,500})$/

/** `imageToken`: of machines that images are made of; they have no workspace. */
export function createToolboxFiles({ dir, links, imageToken }: { dir: string; links: Pick<LinkStore, 'knowsBootToken'>; imageToken: string }): ToolboxFiles {
  const packing = new Map<string, Promise<void>>()
  const file = (path: string, what: string): Promise<Response> => Bun.file(path).exists().then((there) => {
    if (!there) throw new BerthError('not_found', `${what} is not in the toolbox of this server`, { hint: 'start the workspace again: that fetches it' })
    const found = Bun.file(path)
    return new Response(found.stream(), { headers: { 'content-type': 'application/octet-stream', 'content-length': String(found.size) } })
  })
  const pack = (name: string, to: string): Promise<void> => {
    const running = packing.get(name) ?? packProgram(dir, { name, to }).finally(() => packing.delete(name))
    packing.set(name, running)
    return running
  }
  const knows = async (authorization: string): Promise<boolean> => {
    const [, workspaceId, generation, token] = TOKEN.exec(authorization) ?? []
    // By its form, above.
    return token === undefined ? isToken(authorization, `Bearer ${imageToken}`) : links.knowsBootToken(workspaceId as WorkspaceId, Number(generation), token)
  }
  const program = async (name: string): Promise<Response> => {
    if (!PROGRAM.test(name)) throw new BerthError('not_found', 'there is no such program')
    const packed = join(dir, 'packed', `${name}.tar.zst`)
    if (!(await Bun.file(packed).exists())) await pack(name, packed)
    return file(packed, name)
  }
  return {
    async daemon(request, pathname) {
      if (!(await knows(request.headers.get('authorization') ?? ''))) return new Response('unauthorized\n', { status: 401 })
      const [hash, name] = [DAEMON_PATH.exec(pathname)?.[1], PROGRAM_PATH.exec(pathname)?.[1]]
      if (name !== undefined) return program(name)
      return hash === undefined ? new Response('not found\n', { status: 404 }) : file(join(dir, hash, 'berth-daemon'), 'this daemon')
    },
    program,
  }
}

const isToken = (given: string, expected: string): boolean => given.length === expected.length && timingSafeEqual(Buffer.from(given), Buffer.from(expected))

/** Once in the life of a version; whoever asks meanwhile waits for the same. */
async function packProgram(dir: string, { name, to }: { name: string; to: string }): Promise<void> {
  const aside = `${to}.${crypto.randomUUID()}.part`
  await mkdir(join(dir, 'packed'), { recursive: true })
  const tar = Bun.spawn(['tar', '--create', '--hard-dereference', '--sort=name', '--owner=0', '--group=0', '--directory', join(dir, 'agents'), name], { stdin: 'ignore', stdout: 'pipe', stderr: 'pipe' })
  try {
    // The type of the platform's stream lacks zstd, the platform does not.
    const zip = new CompressionStream('zstd' as CompressionFormat)
    const [, said, exitCode] = await Promise.all([Bun.write(aside, new Response(tar.stdout.pipeThrough(zip as unknown as ReadableWritablePair<Uint8Array, Uint8Array>))), new Response(tar.stderr).text(), tar.exited])
    if (exitCode !== 0) throw new BerthError('not_found', `${name} is not in the toolbox of this server: ${said.trim().slice(0, 200)}`, { hint: 'start the workspace again: that fetches it' })
    await rename(aside, to)
  } finally {
    tar.kill('SIGKILL')
    await rm(aside, { force: true })
  }
}
