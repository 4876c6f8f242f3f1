/**
 * The toolbox for machines that do not share this host's files: the daemon for one that has nothing yet but its boot
 * token, the agents' programs for a daemon over its link. Nothing of it is secret; a token keeps strangers from drawing it.
 */
import { mkdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { LinkStore } from '@berth/core'
import { BerthError } from '@berth/wire'
import type { WorkspaceId } from '@berth/wire'

export interface ToolboxFiles {
  /** `GET /toolbox/<hash>/berth-daemon` of the link's listener. */
  daemon(request: Request, pathname: string): Promise<Response>
  /** `<agent>-<version>`, as a tar.zst. */
  program(name: string): Promise<Response>
}

const DAEMON_PATH = /^\/toolbox\/([0-9a-f]{8,64})\/berth-daemon$/
const PROGRAM = /^[a-z][a-z-]{0,40}-\d[\w.+-]{0,60}$/
const TOKEN = /^Bearer (ws_[a-z0-9]+)\.(\d{1,9})\.(\S{1,500})$/

export function createToolboxFiles({ dir, links }: { dir: string; links: Pick<LinkStore, 'knowsBootToken'> }): ToolboxFiles {
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
  return {
    async daemon(request, pathname) {
      const hash = DAEMON_PATH.exec(pathname)?.[1]
      const [, workspaceId, generation, token] = TOKEN.exec(request.headers.get('authorization') ?? '') ?? []
      // By its form, above.
      const known = token !== undefined && (await links.knowsBootToken(workspaceId as WorkspaceId, Number(generation), token))
      if (!known) return new Response('unauthorized\n', { status: 401 })
      return hash === undefined ? new Response('not found\n', { status: 404 }) : file(join(dir, hash, 'berth-daemon'), 'this daemon')
    },
    async program(name) {
      if (!PROGRAM.test(name)) throw new BerthError('not_found', 'there is no such program')
      const packed = join(dir, 'packed', `${name}.tar.zst`)
      if (!(await Bun.file(packed).exists())) await pack(name, packed)
      return file(packed, name)
    },
  }
}

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
