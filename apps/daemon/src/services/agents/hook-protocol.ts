/** What a hook process of the agent and the daemon say to each other: JSON lines over a unix socket in `runDir`. */
import { z } from 'zod'

export const HOOK_LINE_LIMIT = 4 * 1024 * 1024

/** Client → daemon. A retry carries the same `requestId`, so it is the same ask and not a new one. */
export const FromHook = z.discriminatedUnion('say', [
  z.object({ say: z.literal('ask'), run: z.string().max(64), requestId: z.string().max(64), payload: z.record(z.string(), z.unknown()) }),
  /** The answer was handed to the agent. */
  z.object({ say: z.literal('delivered') }),
  /** The agent ended this hook: somebody answered in the terminal. */
  z.object({ say: z.literal('withdrawn') }),
])
export type FromHook = z.infer<typeof FromHook>
/** Daemon → client: what the hook prints for the agent. */
export const ToHook = z.object({ output: z.record(z.string(), z.unknown()) })
export type ToHook = z.infer<typeof ToHook>

/** Fields of the agent's hook payloads that we use; the rest is passed over. */
export const HookPayload = z.looseObject({
  hook_event_name: z.string(),
  session_id: z.string().optional(),
  transcript_path: z.string().optional(),
  cwd: z.string().optional(),
  agent_id: z.string().optional(),
  prompt: z.string().optional(),
  source: z.string().optional(),
  tool_name: z.string().optional(),
  tool_input: z.record(z.string(), z.unknown()).optional(),
  tool_use_id: z.string().optional(),
  permission_suggestions: z.array(z.record(z.string(), z.unknown())).optional(),
  last_assistant_message: z.string().optional(),
  background_tasks: z.array(z.unknown()).optional(),
})
export type HookPayload = z.infer<typeof HookPayload>
