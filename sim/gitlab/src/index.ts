/**
 * A GitLab to test against, as far as merge requests go: strict by its documentation (`described.ts`), with tokens that
 * have scopes, and real repositories behind it. What it was asked that no page describes is kept in `refused`.
 */
import type { Merge } from './described.ts'
import { answer } from './operations.ts'
import { createWorld, Refused } from './world.ts'
import type { Answer, NewPipeline, NewStatus, Scope } from './world.ts'

export interface GitLabSim {
  readonly url: string
  /** `METHOD path status`, in order. */
  readonly asked: string[]
  readonly refused: string[]
  readonly merges: Merge[]
  setStatus(project: string, status: NewStatus): void
  setPipeline(project: string, pipeline: NewPipeline): void
  revoke(token: string): void
  close(): Promise<void>
}

/** `git`: real git beside it, whose repositories lie in `dir`: `/<project>.git/…` goes there. */
export function startGitLab({ git, tokens, hostname = '127.0.0.1' }: { git: { url: string; dir: string }; tokens: Readonly<Record<string, readonly Scope[]>>; hostname?: string }): GitLabSim {
  const world = createWorld({ dir: git.dir, tokens, origin: () => server.url.origin })
  const server = Bun.serve({
    hostname, port: 0, idleTimeout: 0,
    async fetch(request) {
      const { pathname, search } = new URL(request.url)
      if (/\.git\//.test(pathname)) return fetch(`${git.url}${pathname}${search}`, { method: request.method, headers: request.headers, body: request.body, redirect: 'manual', decompress: false })
      const { status, body } = await answer(world, request).catch((error: unknown): Answer => {
        if (error instanceof Refused) return error.answer
        throw error
      })
      world.asked.push(`${request.method} ${pathname} ${status}`)
      return Response.json(body, { status })
    },
  })
  const { asked, refused, merges, setStatus, setPipeline, revoke } = world
  return { url: server.url.origin, asked, refused, merges, setStatus, setPipeline, revoke, close: () => server.stop(true) }
}
