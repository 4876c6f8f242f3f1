/**
 * What the relay of an agent and the daemon say to each other: JSON lines over a unix socket in `runDir`.
 *
 * The relay runs as the agent's user in the agent's terminal and outlives the daemon. It keeps, numbered, every line
 * that the agent said and every line that the agent was told since the daemon last said `forget`; a daemon that comes
 * back reads them again and so knows what it knew. A line to be told carries a key: told once, whoever asks again.
 */
import { z } from 'zod'

/** Of one line of the agent; one that says more at once is ended. */
export const AGENT_LINE_LIMIT = 8 * 1024 * 1024
/** The same line on its way, with every character escaped. */
export const RELAY_LINE_LIMIT = 6 * AGENT_LINE_LIMIT + 1024
/** What is kept for a daemon that is away; the oldest goes first, and the daemon sees the hole by the numbers. */
export const KEPT_LIMIT_BYTES = 64 * 1024 * 1024
export const STDERR_KEPT = 4096

export const FromRelay = z.discriminatedUnion('say', [
  /** First: what is kept is `from`..`to` (from = to + 1: nothing). */
  z.object({ say: z.literal('here'), run: z.string().max(64), from: z.number().int(), to: z.number().int() }),
  z.object({ say: z.literal('line'), n: z.number().int(), by: z.enum(['agent', 'us']), key: z.string().nullable(), line: z.string() }),
  /** The agent ended; its last words are in `stderr`. */
  z.object({ say: z.literal('ended'), code: z.number().int().nullable(), stderr: z.string() }),
  /** A person typed a line, or pressed Ctrl-C, at the terminal. */
  z.object({ say: z.literal('typed'), text: z.string() }),
  z.object({ say: z.literal('break') }),
])
export type FromRelay = z.infer<typeof FromRelay>

export const ToRelay = z.discriminatedUnion('say', [
  /** Everything kept after `n`, then what follows. */
  z.object({ say: z.literal('after'), n: z.number().int() }),
  z.object({ say: z.literal('tell'), key: z.string(), line: z.string() }),
  z.object({ say: z.literal('forget'), upTo: z.number().int() }),
  /** For the eyes of whoever looks at the terminal. */
  z.object({ say: z.literal('show'), text: z.string() }),
  /** The daemon has read the end: the terminal may close. */
  z.object({ say: z.literal('read-the-end') }),
])
export type ToRelay = z.infer<typeof ToRelay>
