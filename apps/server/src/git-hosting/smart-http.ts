/**
 * Git's smart HTTP over a bare repository: `info/refs`, `git-upload-pack`, `git-receive-pack`, nothing else. The git
 * program is started directly, without a shell; its pack streams through, so memory does not grow with a repository.
 */
import { BerthError } from '@berth/wire'
import type { WorkspaceId } from '@berth/wire'
import { GIT_ENVIRONMENT } from './repositories.ts'
import type { Repositories } from './repositories.ts'
import { refuseCommand } from './policy.ts'
import type { GitCaller } from './policy.ts'
import { gitBody, NO_CACHE, readPush, refusedPush } from './push-request.ts'

export interface GitRequest {
  readonly dir: string
  readonly caller: GitCaller
  /** The path below the repository: `/info/refs`, … */
  readonly path: string
  readonly request: Request
  readonly log: (line: string) => void
  /** Why no push is taken, whatever it is; null: it is. */
  readonly full?: () => Promise<string | null>
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
    return service === 'git-upload-pack' ? exchange(git, service, gitBody(request)) : receive(git)
  }
  throw new BerthError('not_found', 'no such path in a hosted repository', { hint: BY_GIT })
}

async function advertise(git: GitRequest, service: Service): Promise<Response> {
  const first = `# service=${service}\n`
  const head = new TextEncoder().encode(`${(first.length + 4).toString(16).padStart(4, '0')}${first}0000`)
  const child = spawnGit(git, [service.slice(4), '--stateless-rpc', '--http-backend-info-refs', git.dir], 'ignore')
  return answer(git, child, `application/x-${service}-advertisement`, head)
}

/** The commands are judged first; only then does git see the request. */
async function receive(git: GitRequest): Promise<Response> {
  const { head, body, drain } = await readPush(git.request)
  const full = head.commands.length === 0 ? null : ((await git.full?.()) ?? null)
  const reasons = head.commands.map((command) => full ?? refuseCommand(git.caller, command))
  if (head.refused === null && reasons.every((reason) => reason === null)) return exchange(git, 'git-receive-pack', body)
  await drain()
  return refusedPush(head, reasons)
}

function exchange(git: GitRequest, service: Service, body: ReadableStream<Uint8Array>): Response {
  const child = spawnGit(git, [service.slice(4), '--stateless-rpc', git.dir], body)
  return answer(git, child, `application/x-${service}-result`, null)
}

type GitProcess = Bun.Subprocess<'ignore' | ReadableStream<Uint8Array>, 'pipe', 'pipe'>

function spawnGit(git: GitRequest, args: string[], stdin: 'ignore' | ReadableStream<Uint8Array>): GitProcess {
  const protocol = git.request.headers.get('git-protocol')
  const environment = protocol !== null && /^version=[012]$/.test(protocol) ? { ...GIT_ENVIRONMENT, GIT_PROTOCOL: protocol } : GIT_ENVIRONMENT
  return Bun.spawn(['git', ...args], { env: environment, stdin, stdout: 'pipe', stderr: 'pipe' })
}

function answer(git: GitRequest, child: GitProcess, contentType: string, head: Uint8Array | null): Response {
  const reader = child.stdout.getReader()
  const complaint = new Response(child.stderr).text()
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      if (head) controller.enqueue(head)
    },
    async pull(controller) {
      const next = await reader.read()
      if (!next.done) return controller.enqueue(next.value)
      const exitCode = await child.exited
      if (exitCode !== 0) git.log(`git ${contentType} ended with ${exitCode}: ${(await complaint).trim().slice(0, 500)}`)
      controller.close()
    },
    cancel() {
      child.kill()
    },
  })
  git.request.signal.addEventListener('abort', () => child.kill(), { once: true })
  return new Response(body, { headers: { 'content-type': contentType, 'cache-control': NO_CACHE } })
}

/** A save counts as any push does: what is in the machine stays there. */
export async function fullOf({ sizeBytes, quotaBytes }: Pick<Repositories, 'sizeBytes' | 'quotaBytes'>, id: WorkspaceId): Promise<string | null> {
  const size = (await sizeBytes(id)) ?? 0
  return size < quotaBytes ? null : `the repository of this workspace is full: ${size} of ${quotaBytes} bytes`
}
