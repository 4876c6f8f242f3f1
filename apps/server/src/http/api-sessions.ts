/** The part of the contract about sessions. */
import { sessionsApi } from '@berth/wire/sessions'
import { implement } from '@orpc/server'
import type { ServiceDeps } from '../services/deps.ts'
import { addSession, endSession, forkSession, handOverSession, listSessions } from '../services/sessions.ts'
import type { ApiContext } from './api.ts'
import { signedIn } from './signed-in.ts'

export function sessionsRouter(deps: ServiceDeps) {
  const known = implement(sessionsApi).$context<ApiContext>().use(signedIn)
  return {
    listSessions: known.listSessions.handler(({ input }) => listSessions(deps, input.id)),
    addSession: known.addSession.handler(({ input, context }) => addSession(deps, input, context.caller)),
    forkSession: known.forkSession.handler(({ input, context }) => forkSession(deps, input, context.caller)),
    handOverSession: known.handOverSession.handler(({ input, context }) => handOverSession(deps, input, context.caller)),
    endSession: known.endSession.handler(({ input, context }) => endSession(deps, input, context.caller)),
  }
}
