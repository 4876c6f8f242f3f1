/**
 * Git's smart HTTP over a bare repository: `info/refs`, `git-upload-pack`, `git-receive-pack`, nothing else. The git
 * program is started directly, without a shell; its pack streams through, so memory does not grow with a repository.
 */
import type { RefCommand } from '@berth/core'
import { BerthError } from '@berth/wire'
import { overheard, wantsOf } from './fetched.ts'
import { GIT_ENVIRONMENT } from './repositories.ts'
import { refuseCommand } from './policy.ts'
import type { GitCaller } from './policy.ts'
import { gitBody } from './git-body.ts'
import { NO_CACHE, readPush, refusedPush } from './push-request.ts'

export interface GitRequest {
  readonly dir: string
  readonly caller: GitCaller
  /** The path below the repository: `/info/refs`, … */
  readonly path: string
  readonly request: Request
  readonly log: (line: string) => void
  /** What a push may bring. Absent: whatever it brings. A save counts as any push does: what is in the machine stays there. */
  readonly room?: () => Promise<Room>
  /** When git has taken the push. */
  readonly pushed?: (commands: readonly RefCommand[]) => Promise<void>
  /** When whoever fetched has all of it. */
  readonly fetched?: (commits: readonly string[]) => Promise<void>
}
export interface Room {
  /** What it may still bring now: others bring something meanwhile. */
  leftBytes(): number
  /** It has brought so much more. */
  took(bytes: number): void
  /** In words that git prints behind each ref of a push that is larger. */
  refusal(): string
  /** git has ended; `kept`: perhaps with what it was given. Called once for each. */
  over(kept: boolean): void
}

type Service = 'git-upload-pack' | 'git-receive-pack'
const BY_GIT = 'only git itself speaks to a hosted repository; `berth pull` uses it'

export async function serveGit(git: GitRequest): Promise<Response> {
  const { request, path } = git
  if (request.method === 'GET' && path === '/info/refs') {
    const service = new URL(request.url).searchParams.get('service')
    if (service === 'git-upload-pack' || service === 'git-receive-pack') return advertise(git, service)
    throw new BerthError('bad_request', 'only the smart protocol is spoken here', { hint: 'use a git newer than 1.6.6' })
  }
  if (request.method === 'POST' && (path === '/git-upload-pack' || path === '/git-receive-pack')) {
    const service: Service = path === '/git-upload-pack' ? 'git-upload-pack' : 'git-receive-pack'
    if (request.headers.get('content-type') !== `application/x-${service}-request`) throw new BerthError('bad_request', 'not a git request', { hint: BY_GIT })
    return service === 'git-upload-pack' ? give(git, gitBody(request)) : receive(git)
  }
  throw new BerthError('not_found', 'no such path in a hosted repository', { hint: BY_GIT })
}

async function advertise(git: GitRequest, service: Service): Promise<Response> {
  const first = `# service=${service}\n`
  const head = new TextEncoder().encode(`${(first.length + 4).toString(16).padStart(4, '0')}${first}0000`)
  const child = spawnGit(git, [service.slice(4), '--stateless-rpc', '--http-backend-info-refs', git.dir], 'ignore')
  return answer(git, child, { contentType: `application/x-${service}-advertisement`, head })
}

/** The commands are judged first; only then does git see the request. */
async function receive(git: GitRequest): Promise<Response> {
  const { head, body, drain } = await readPush(git.request)
  const room = (head.commands.length === 0 ? undefined : await git.room?.()) ?? ENDLESS
  const reasons = head.commands.map((command) => (room.leftBytes() === 0 ? room.refusal() : refuseCommand(git.caller, command)))
  if (head.refused !== null || reasons.some((reason) => reason !== null)) {
    room.over(false)
    await drain()
    return refusedPush(head, reasons)
  }
  const done = () => git.pushed?.(head.commands)
  const taken = upTo(body, room)
  const child = begun(git, taken.body, room)
  void child.exited.finally(() => room.over(taken.refusal() === null))
  // It may end before it read everything; whoever pushes reads nothing before it has sent everything.
  await Promise.race([taken.ended, child.exited])
  if (git.request.signal.aborted) {
    // Perhaps after its last byte: git has then taken it all.
    await Promise.all([new Response(child.stdout).arrayBuffer(), follower(git, child, RECEIVED, done)()])
    throw new BerthError('cancelled', 'whoever pushed went away')
  }
  const refusal = taken.refusal()
  if (refusal === null) return answer(git, child, { contentType: RECEIVED, head: null, done, toItsEnd: true })
  // git has seen no end of the pack, and keeps nothing of it.
  await Promise.all([taken.ended, new Response(child.stdout).arrayBuffer(), child.exited])
  return refusedPush(head, head.commands.map(() => refusal))
}

const RECEIVED = 'application/x-git-receive-pack-result'
/** Where nobody counts. */
const ENDLESS: Room = { leftBytes: () => Number.POSITIVE_INFINITY, took: () => {}, refusal: () => '', over: () => {} }

function begun(git: GitRequest, body: ReadableStream<Uint8Array>, room: Room): GitProcess {
  try {
    return spawnGit(git, ['receive-pack', '--stateless-rpc', git.dir], body)
  } catch (error) {
    room.over(false)
    throw error
  }
}

/** Ends early, for git, where there is no more room; whoever sends is heard to the end all the same. */
function upTo(body: ReadableStream<Uint8Array>, room: Room): { body: ReadableStream<Uint8Array>; refusal(): string | null; ended: Promise<void> } {
  const { promise: ended, resolve } = Promise.withResolvers<void>()
  let refusal: string | null = null
  const reader = body.getReader()
  const rest = async (): Promise<void> => {
    while (!(await reader.read()).done);
  }
  return {
    ended, refusal: () => refusal,
    body: new ReadableStream<Uint8Array>({
      async pull(controller) {
        try {
          const next = await reader.read()
          if (!next.done && next.value.length <= room.leftBytes()) {
            room.took(next.value.length)
            return controller.enqueue(next.value)
          }
          if (!next.done) refusal = room.refusal()
          controller.close()
          if (refusal !== null) await rest()
          resolve()
        } catch {
          // Whoever pushed went away. At such an end git removes what came; killed, it would leave it there.
          resolve()
          if (refusal === null) controller.close()
        }
      },
      async cancel(reason) {
        await reader.cancel(reason)
        resolve()
      },
    }),
  }
}

async function give(git: GitRequest, body: ReadableStream<Uint8Array>): Promise<Response> {
  if (git.fetched === undefined) return exchange(git, 'git-upload-pack', body)
  const heard = overheard(body)
  return exchange(git, 'git-upload-pack', heard.body, async () => {
    const request = heard.request()
    const wants = request === null ? [] : wantsOf(request)
    if (wants.length > 0) await git.fetched?.(wants)
  })
}

function exchange(git: GitRequest, service: Service, body: ReadableStream<Uint8Array>, done?: Done): Response {
  const child = spawnGit(git, [service.slice(4), '--stateless-rpc', git.dir], body)
  return answer(git, child, { contentType: `application/x-${service}-result`, head: null, ...(done === undefined ? {} : { done }) })
}

type GitProcess = Bun.Subprocess<'ignore' | ReadableStream<Uint8Array>, 'pipe', 'pipe'>

function spawnGit(git: GitRequest, args: string[], stdin: 'ignore' | ReadableStream<Uint8Array>): GitProcess {
  const protocol = git.request.headers.get('git-protocol')
  const environment = protocol !== null && /^version=[012]$/.test(protocol) ? { ...GIT_ENVIRONMENT, GIT_PROTOCOL: protocol } : GIT_ENVIRONMENT
  return Bun.spawn(['git', ...args], { env: environment, stdin, stdout: 'pipe', stderr: 'pipe' })
}

/**
 * `done`: when git ended well and all that it said was taken. `toItsEnd`: whoever leaves leaves git alone; all that it
 * waits for has come, and killed it would leave in the repository what it had not taken yet.
 */
type Done = () => Promise<void> | undefined
interface Answer { readonly contentType: string; readonly head: Uint8Array | null; readonly done?: Done; readonly toItsEnd?: boolean }
function answer(git: GitRequest, child: GitProcess, { contentType, head, done, toItsEnd = false }: Answer): Response {
  const reader = child.stdout.getReader()
  const ended = follower(git, child, contentType, done)
  const unheard = async (): Promise<void> => {
    while (!(await reader.read()).done);
    await ended()
  }
  const leave = (): void => {
    if (toItsEnd) void unheard().catch((error: unknown) => git.log(`git ${contentType}: its answer was not read to the end: ${String(error)}`))
    else child.kill()
  }
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      if (head) controller.enqueue(head)
    },
    async pull(controller) {
      const next = await reader.read()
      if (!next.done) return controller.enqueue(next.value)
      await ended()
      controller.close()
    },
    cancel: leave,
  })
  git.request.signal.addEventListener('abort', leave, { once: true })
  return new Response(body, { headers: { 'content-type': contentType, 'cache-control': NO_CACHE } })
}

/** What waits until git ended and did what follows a good end, once. It never fails: an answer is under way, so the log is told. */
function follower(git: GitRequest, child: GitProcess, contentType: string, done: Done | undefined): () => Promise<void> {
  const complaint = new Response(child.stderr).text()
  const follow = async (): Promise<void> => {
    const exitCode = await child.exited
    if (exitCode !== 0) git.log(`git ${contentType} ended with ${exitCode}: ${(await complaint).trim().slice(0, 500)}`)
    else await Promise.resolve(done?.()).catch((error: unknown) => git.log(`git ${contentType}: what follows it was not done: ${String(error)}`))
  }
  let following: Promise<void> | null = null
  return () => (following ??= follow())
}
