/** A decision in the words of Claude Code, as its hooks and its control protocol take them alike. */
import type { Decision } from '@berth/wire'

export interface PermissionAsked { readonly tool: string | undefined; readonly input: Readonly<Record<string, unknown>>; /** The rules it would keep for the session. */ readonly suggestions: readonly Readonly<Record<string, unknown>>[] }

/** `updatedInput` always goes along: without it the agent passes over an allowed plan. */
export function permissionAnswer(decision: Decision, asked: PermissionAsked): Record<string, unknown> {
  if (decision.behavior === 'deny') return { behavior: 'deny', message: decision.message ?? 'a person said no', interrupt: false }
  const updatedPermissions = [
    // An accepted plan goes on with the questions of the workspace's mode, not with silent edits.
    ...(asked.tool === 'ExitPlanMode' ? [{ type: 'setMode', mode: 'default', destination: 'session' }] : []),
    ...(decision.scope === 'session' ? asked.suggestions.map((suggestion) => ({ ...suggestion, destination: 'session' })) : []),
  ]
  return { behavior: 'allow', updatedInput: decision.updatedInput ?? asked.input, ...(updatedPermissions.length > 0 ? { updatedPermissions } : {}) }
}
