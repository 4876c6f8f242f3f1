/**
 * Signing an agent in from afar: its own command runs in the workspace, in a terminal of its own, and what it says is
 * shown as a link and a code. The login stays in the workspace's home.
 */
import { oc } from '@orpc/contract'
import { z } from 'zod'
import { WorkspaceId } from './ids.ts'
import { Login, SignIn } from './sign-in-methods.ts'
import { AgentKind } from './workspace.ts'

const ById = z.object({ id: WorkspaceId })
const tag = { tags: ['sessions'] }

/** Spread into `api`. */
export const signInApi = {
  listLogins: oc.route({ method: 'GET', path: '/workspaces/{id}/logins', summary: 'Which agents of the workspace are signed in', ...tag }).input(ById).output(z.array(Login)),
  beginSignIn: oc.route({ method: 'POST', path: '/workspaces/{id}/sign-in', summary: 'Begin to sign an agent in', ...tag }).input(ById.extend({ agent: AgentKind })).output(SignIn),
  getSignIn: oc.route({ method: 'GET', path: '/workspaces/{id}/sign-in', summary: 'How far it is', ...tag }).input(ById).output(z.object({ signIn: SignIn.nullable() })),
  answerSignIn: oc.route({ method: 'POST', path: '/workspaces/{id}/sign-in/answer', summary: 'Bring back what the page there gave', ...tag }).input(ById.extend({ text: z.string().min(1).max(4096) })).output(SignIn),
}
