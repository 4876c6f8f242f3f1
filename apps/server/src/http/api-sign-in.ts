/** The part of the contract about signing agents in. */
import { signInApi } from '@berth/wire/sign-in'
import { implement } from '@orpc/server'
import type { ServiceDeps } from '../services/deps.ts'
import { answerSignIn, beginSignIn, getSignIn, listLogins } from '../services/sign-in.ts'
import type { ApiContext } from './api.ts'
import { signedIn } from './signed-in.ts'

export function signInRouter(deps: ServiceDeps) {
  const known = implement(signInApi).$context<ApiContext>().use(signedIn)
  return {
    listLogins: known.listLogins.handler(({ input }) => listLogins(deps, input.id)),
    beginSignIn: known.beginSignIn.handler(({ input }) => beginSignIn(deps, input.id, input.agent)),
    getSignIn: known.getSignIn.handler(({ input }) => getSignIn(deps, input.id)),
    answerSignIn: known.answerSignIn.handler(({ input }) => answerSignIn(deps, input.id, input.text)),
  }
}
