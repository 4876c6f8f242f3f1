/** Asks `look`, our own program, as the agent's user. */
import type { AsAgent } from '../../contracts.ts'
import { selfCommand } from '../../self.ts'
import type { Answer, Question } from './look.ts'

/** The names of more files than anybody looks through. */
const ANSWER_LIMIT_BYTES = 16 * 1024 * 1024

export interface Failed { readonly refused: 'failed'; readonly why: string }

export async function askLook<Q extends Question>(asAgent: AsAgent, question: Q, signal: AbortSignal): Promise<Answer<Q> | Failed> {
  const { exitCode, stdout, stderr } = await asAgent.run(selfCommand('look'), { stdin: JSON.stringify(question), signal, limitBytes: ANSWER_LIMIT_BYTES })
  if (exitCode !== 0) return { refused: 'failed', why: stderr.trim().slice(0, 300) }
  try {
    return JSON.parse(stdout) as Answer<Q>
  } catch {
    // Our own program wrote it, so it was cut.
    return { refused: 'failed', why: 'there is too much of it' }
  }
}
