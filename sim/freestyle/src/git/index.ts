/**
 * Freestyle's git (API v1) on loopback: repositories, identities, grants and tokens, closed to what its client's types do not
 * have, and real git over HTTP beside them. At the vendor they are two names, api.freestyle.sh and git.freestyle.sh; here one.
 */
import { byPath, jsonOf, startFront, type AskedAtPath, type Front, type JsonAnswer } from '@berth/sim-vendor'
import { Refusal, type Fault } from '../model.ts'
import { Malformed, takenBy } from '../taken.ts'
import { RefusalGiven } from './described.ts'
import { OPERATIONS } from './operations.ts'
import { isGitPath, serveGit } from './smart-http.ts'
import { createGitWorld, type GitWorld } from './world.ts'

export type { GitWorld, Holder, Repository } from './world.ts'
export interface FreestyleGitSim extends Front { readonly world: GitWorld }

/** `git`: what git's own backend said, which is no JSON. */
type Answer = JsonAnswer & { readonly git?: Response }

export function startFreestyleGit(): FreestyleGitSim {
  const world = createGitWorld()
  const front = startFront<AskedAtPath, Fault, Refusal, Answer>(world, {
    ...byPath(),
    ...jsonOf,
    said: (answer, request, headers) => answer.git ?? jsonOf.said(answer, request, headers),
    async answer(request, { asked: { method, url, pathname } }) {
      if (isGitPath(pathname)) {
        const git = await serveGit(world, request)
        return { status: git.status, body: null, git }
      }
      if (!world.keys.has(/^Bearer (\S+)$/.exec(request.headers.get('authorization') ?? '')?.[1] ?? '')) throw new Refusal(401, 'UNAUTHORIZED', 'the API key is not valid')
      const operation = OPERATIONS.find((each) => each.method === method && each.pattern.test(pathname))
      if (operation === undefined) throw new Malformed(404, 'NOT_FOUND', 'no such route')
      const ids = (operation.pattern.exec(pathname) ?? []).slice(1).map(decodeURIComponent)
      return { status: 200, body: operation.gives.parse(operation.run({ world, ids, taken: await takenBy(operation, request, url) })) }
    },
    refusals: {
      is: (error) => error instanceof Refusal,
      isMalformed: (refusal) => refusal instanceof Malformed,
      answer: ({ status, code, message }) => ({ status, body: RefusalGiven.parse({ code, error: code, message }) }),
      scripted: ({ status }) => new Refusal(status, 'SCRIPTED', 'scripted'),
      after: (status) => new Refusal(status, 'SCRIPTED', 'scripted'),
      internal: (problem) => new Refusal(500, 'INTERNAL_ERROR', problem),
    },
  })
  return {
    ...front, world,
    async close() {
      await front.close()
      world.close()
    },
  }
}
