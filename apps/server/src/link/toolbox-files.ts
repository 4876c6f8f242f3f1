/**
 * The toolbox for machines that do not share this host's files: the daemon for one that has nothing yet but its boot
 * token, the agents' programs for a daemon over its link. Nothing of it is secret; a token keeps strangers from drawing it.
 */
import { timingSafeEqual } from 'node:crypto'
import { mkdir, readdir, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { LinkStore } from '@berth/core'
import { BerthError } from '@berth/wire'
import type { WorkspaceId } from '@berth/wire'

export interface ToolboxFiles {
  /** `GET /toolbox/<hash>/berth-daemon` and `/toolbox/programs/<name>` of the link's listener. */
  daemon(request: Request, pathname: string): Promise<Response>
  /** `<agent>-<version>`, as a tar.zst. */
  program(name: string): Promise<Response>
}

const DAEMON = 'berth-daemon'
/** Below the toolbox: what was packed to be sent. */
const PACKED = 'packed'
const PACKED_DAEMON = /^berth-daemon-([0-9a-f]{8,64})\.zst$/
const DAEMON_PATH = /^\/toolbox\/([0-9a-f]{8,64})\/berth-daemon$/
const PROGRAM_PATH = /^\/toolbox\/programs\/([^/]{1,110})$/
const PROGRAM = /^[a-z][a-z-]{0,40}-\d[\w.+-]{0,60}$/
const TOKEN = /^Bearer (ws_[a-z0-9]+)\.(\d{1,9})\.(\S{1,500})$/

/** `imageToken`: of machines that images are made of; they have no workspace. */
export function createToolboxFiles({ dir, links, imageToken }: { dir: string; links: Pick<LinkStore, 'knowsBootToken'>; imageToken: string }): ToolboxFiles {
  const packing = new Map<string, Promise<void>>()
  const file = (path: string, headers: Record<string, string> = {}): Response => {
    const found = Bun.file(path)
    return new Response(found.stream(), { headers: { 'content-type': 'application/octet-stream', 'content-length': String(found.size), ...headers } })
  }
  /** Where it is, made now if nobody asked before; whoever asks meanwhile waits for the same. */
  const packed = async (name: string, make: (to: string) => Promise<void>): Promise<string> => {
    const to = join(dir, PACKED, name)
    if (await Bun.file(to).exists()) return to
    const running = packing.get(name) ?? make(to).finally(() => packing.delete(name))
    packing.set(name, running)
    await running
    return to
  }
  const knows = async (authorization: string): Promise<boolean> => {
    const [, workspaceId, generation, token] = TOKEN.exec(authorization) ?? []
    // By its form, above.
    return token === undefined ? isToken(authorization, `Bearer ${imageToken}`) : links.knowsBootToken(workspaceId as WorkspaceId, Number(generation), token)
  }
  const program = async (name: string): Promise<Response> => {
    if (!PROGRAM.test(name)) throw new BerthError('not_found', 'there is no such program')
    return file(await packed(`${name}.tar.zst`, (to) => packProgram(dir, { name, to })))
  }
  /** Less than half of it for whoever takes that; a server at home has the slower end of the line. */
  const binary = async (hash: string, accepted: string): Promise<Response> => {
    const plain = join(dir, hash, DAEMON)
    if (!(await Bun.file(plain).exists())) throw missing('this daemon')
    if (!/\bzstd\b/.test(accepted)) return file(plain, { vary: 'accept-encoding' })
    return file(await packed(`${DAEMON}-${hash}.zst`, (to) => packDaemon(dir, { plain, to })), { vary: 'accept-encoding', 'content-encoding': 'zstd' })
  }
  return {
    async daemon(request, pathname) {
      if (!(await knows(request.headers.get('authorization') ?? ''))) return new Response('unauthorized\n', { status: 401 })
      const [hash, name] = [DAEMON_PATH.exec(pathname)?.[1], PROGRAM_PATH.exec(pathname)?.[1]]
      if (name !== undefined) return program(name)
      return hash === undefined ? new Response('not found\n', { status: 404 }) : binary(hash, request.headers.get('accept-encoding') ?? '')
    },
    program,
  }
}

const isToken = (given: string, expected: string): boolean => given.length === expected.length && timingSafeEqual(Buffer.from(given), Buffer.from(expected))

const missing = (what: string, said = ''): BerthError => new BerthError('not_found', `${what} is not in the toolbox of this server${said}`, { hint: 'start the workspace again: that fetches it' })

/** Once in the life of a version. */
async function packProgram(dir: string, { name, to }: { name: string; to: string }): Promise<void> {
  const tar = Bun.spawn(['tar', '--create', '--hard-dereference', '--sort=name', '--owner=0', '--group=0', '--directory', join(dir, 'agents'), name], { stdin: 'ignore', stdout: 'pipe', stderr: 'pipe' })
  try {
    await writePacked(tar.stdout, to, async () => {
      const [said, exitCode] = await Promise.all([new Response(tar.stderr).text(), tar.exited])
      return exitCode === 0 ? null : missing(name, `: ${said.trim().slice(0, 200)}`)
    })
  } finally {
    tar.kill('SIGKILL')
  }
}

/** Once in the life of a daemon; what was packed of those that are gone goes. */
async function packDaemon(dir: string, { plain, to }: { plain: string; to: string }): Promise<void> {
  await writePacked(Bun.file(plain).stream(), to)
  for (const name of await readdir(join(dir, PACKED))) {
    const hash = PACKED_DAEMON.exec(name)?.[1]
    if (hash !== undefined && !(await Bun.file(join(dir, hash, DAEMON)).exists())) await rm(join(dir, PACKED, name), { force: true })
  }
}

/** At its place when it is whole. `wrong`: with what comes. */
async function writePacked(from: ReadableStream<Uint8Array>, to: string, wrong: () => Promise<BerthError | null> = async () => null): Promise<void> {
  const aside = `${to}.${crypto.randomUUID()}.part`
  await mkdir(dirname(to), { recursive: true })
  try {
    // The type of the platform's stream lacks zstd, the platform does not.
    const zip = new CompressionStream('zstd' as CompressionFormat)
    // Nothing is written any more once it is taken away.
    const [, error] = await Promise.all([Bun.write(aside, new Response(from.pipeThrough(zip as unknown as ReadableWritablePair<Uint8Array, Uint8Array>))), wrong()])
    if (error !== null) throw error
    await rename(aside, to)
  } finally {
    await rm(aside, { force: true })
  }
}
