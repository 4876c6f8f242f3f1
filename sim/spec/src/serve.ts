/** One request to a simulated vendor, by its published description: found, held to it, done, and its answer held to it too. */
import type { Asked, Guard } from './guard.ts'

/** Why no operation was asked: none has that path, the body is no JSON, or something is not as described. */
export type NotAsked = { readonly kind: 'unknown' | 'not JSON' } | { readonly kind: 'invalid'; readonly problem: string }
export interface Served { readonly method: string; readonly url: URL; /** As the description has paths. */ readonly pathname: string; /** Empty: without a body. */ readonly text: string }
interface Vendor<Answer> {
  /** The vendor's refusal, to be thrown. */
  refusal(why: NotAsked): Error
  run(asked: Asked): Answer | Promise<Answer>
}

/** @throws the refusal; an Error where the simulator itself answers otherwise than the description says. */
export async function serveDescribed<Answer extends { readonly status: number; readonly body: unknown }>(guard: Guard, { text, ...asked }: Served, vendor: Vendor<Answer>): Promise<Answer> {
  const matched = guard.match({ ...asked, body: text === '' ? undefined : parsed(text, vendor) })
  if (matched.kind !== 'asked') throw vendor.refusal(matched)
  const { operation } = matched.asked
  const answer = await vendor.run(matched.asked)
  const problem = guard.problemOf(operation, answer.status, answer.body)
  if (problem !== null) throw new Error(problem)
  return answer
}

function parsed(text: string, { refusal }: Pick<Vendor<never>, 'refusal'>): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw refusal({ kind: 'not JSON' })
  }
}
