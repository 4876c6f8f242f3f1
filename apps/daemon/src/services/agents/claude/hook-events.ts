/** What each hook of the agent means. A hook of an earlier run means nothing. */
import type { HookAnswer, HookAsk, HookHandler } from '../hook-server.ts'

export interface HookMeanings {
  readonly run: () => string
  /** Any hook at all, with the path of the session's own transcript. */
  heardOf(transcript: string | null): void
  /** `uuid`: of the program's conversation. */
  sessionStarted(uuid: string | null): void
  prompted(text: string): void
  /** The agent waits with its tool call until this is done. */
  toolStarts(call: { toolUseId: string; tool: string; input: Record<string, unknown> } | null): Promise<void>
  asks(ask: HookAsk, signal: AbortSignal): Promise<HookAnswer>
  stopped(payload: HookAsk['payload']): void
}

export function createHookHandler(meanings: HookMeanings): HookHandler {
  return async (ask, signal) => {
    const { payload } = ask
    if (ask.run !== meanings.run()) return { output: {} }
    // A sub-agent writes a transcript of its own.
    meanings.heardOf(payload.agent_id === undefined ? (payload.transcript_path ?? null) : null)
    switch (payload.hook_event_name) {
      case 'SessionStart': meanings.sessionStarted(payload.session_id ?? null); break
      case 'UserPromptSubmit': meanings.prompted(payload.prompt ?? ''); break
      case 'PreToolUse': await meanings.toolStarts(callOf(payload)); break
      case 'PermissionRequest': return meanings.asks(ask, signal)
      case 'Stop': meanings.stopped(payload); break
      default:
    }
    return { output: {} }
  }
}

function callOf({ tool_use_id: toolUseId, tool_name: tool, tool_input: input }: HookAsk['payload']): { toolUseId: string; tool: string; input: Record<string, unknown> } | null {
  return toolUseId === undefined || tool === undefined ? null : { toolUseId, tool, input: input ?? {} }
}
