/**
 * A Bitbucket Cloud to test against, as far as pull requests go: strict by what Atlassian publishes, with tokens that have
 * rights, and real repositories behind it. `world` says what is there and makes things happen; what it answered against
 * its own description stands in `faulty`, what it was asked against it in `refused`.
 */
import { createGuard, serveDescribed } from '@berth/sim-spec'
import type { Description, NotAsked } from '@berth/sim-spec'
import { byPath, jsonOf, startFront } from '@berth/sim-vendor'
import type { AskedAtPath, Front, JsonAnswer } from '@berth/sim-vendor'
import { Malformed, Refusal } from './model.ts'
import type { Fault, Scope } from './model.ts'
import { OPERATIONS } from './operations.ts'
import description from './spec/api.json'
import type { OperationId } from './spec/operations.ts'
import { OVERLAYS } from './spec/overlay.ts'
import { createWorld } from './world.ts'
import type { World } from './world.ts'

export type { World } from './world.ts'
export type { Pull, Scope, Status } from './model.ts'
export interface BitbucketSim extends Front { readonly world: World }
interface Answer extends JsonAnswer { /** git's own. */ readonly passed?: Response }

const API = '/2.0'
const GIT = /\.git\//

/** `git`: real git beside it, whose repositories lie in `dir`: `/<workspace>/<slug>.git/…` goes there. */
export function startBitbucket({ git, tokens }: { git: { url: string; dir: string }; tokens: Readonly<Record<string, readonly Scope[]>> }): BitbucketSim {
  const world = createWorld({ dir: git.dir, tokens })
  // The description is data of a known form; TypeScript sees only its literal types.
  const guard = createGuard({ description: description as unknown as Description, overlays: OVERLAYS, refusal: 'error' })
  const { read, nameOf, isMeant } = byPath()
  const front: Front = startFront<AskedAtPath, Fault, Refusal, Answer>(world, {
    read, nameOf, isMeant, contentType: jsonOf.contentType, textOf: jsonOf.textOf,
    said: (answer, request, headers) => answer.passed ?? jsonOf.said(answer, request, headers),
    async answer(request, { asked: { method, url, pathname } }) {
      if (GIT.test(pathname)) {
        const passed = await fetch(`${git.url}${pathname}${url.search}`, { method, headers: request.headers, body: request.body, redirect: 'manual', decompress: false })
        return { status: passed.status, body: null, passed }
      }
      if (!pathname.startsWith(`${API}/`)) throw refusalOf({ kind: 'unknown' })
      return await serveDescribed<Answer>(guard, { method, url, pathname: pathname.slice(API.length), text: await request.text() }, {
        refusal: refusalOf,
        run({ operation, path, query, body }) {
          world.admit(request, scopesOf(operation.id))
          return OPERATIONS[operation.id as OperationId]({ world, path, query, body, web: front.url })
        },
      })
    },
    refusals: {
      is: (error) => error instanceof Refusal,
      isMalformed: (refusal) => refusal instanceof Malformed,
      answer: ({ status, message }) => ({ status, body: { type: 'error', error: { message } } }),
      scripted: ({ status }) => new Refusal(status, 'scripted'),
      after: (status) => new Refusal(status, 'scripted'),
      internal: (problem) => new Refusal(500, problem),
    },
  })
  return { ...front, world }
}

function refusalOf(why: NotAsked): Malformed {
  if (why.kind === 'invalid') return new Malformed(400, why.problem)
  return why.kind === 'unknown' ? new Malformed(404, 'Resource not found') : new Malformed(400, 'the body is no JSON')
}

/** The rights that the description asks for. */
function scopesOf(id: string): Scope[] {
  const described = Object.values(description.paths).flatMap((methods) => Object.values(methods) as { operationId: string; security: { oauth2?: Scope[] }[] }[])
  return described.find(({ operationId }) => operationId === id)?.security.flatMap(({ oauth2 = [] }) => oauth2) ?? []
}
