/** Signing an agent in, inside its machine: what the server asks of a daemon. */
import { z } from 'zod'
import { AgentKind } from './workspace.ts'

/** An agent's own sign-in, in a terminal of its own. */
export const SignIn = z.object({
  agent: AgentKind,
  state: z.enum(['running', 'done', 'failed']),
  /** Where a person goes; null: it has not said so yet, or is told at its screen. */
  url: z.string().nullable(),
  /** What they type there. */
  code: z.string().nullable(),
  /** They get something there that is to be brought back. */
  wantsAnswer: z.boolean(),
  /** Its last words, where it failed. */
  message: z.string().nullable(),
  terminalId: z.string(),
})
export type SignIn = z.infer<typeof SignIn>

export const Login = z.object({
  agent: AgentKind,
  /** Null: it works without one, or nobody can tell. */
  signedIn: z.boolean().nullable(),
  /** When it ends; null: it renews itself, does not end, or does not say. */
  expiresAt: z.number().nullable(),
})
export type Login = z.infer<typeof Login>

/** Calls to the daemon; spread into `daemonMethods`. */
export const signInMethods = {
  'sign-in.begin': { params: z.object({ agent: AgentKind }), result: SignIn },
  /** Null: none was begun. */
  'sign-in.look': { params: z.object({}), result: SignIn.nullable() },
  /** A secret. */
  'sign-in.answer': { params: z.object({ text: z.string().min(1).max(4096) }), result: SignIn },
  'logins.list': { params: z.object({ agents: z.array(AgentKind).max(32) }), result: z.array(Login) },
} as const
