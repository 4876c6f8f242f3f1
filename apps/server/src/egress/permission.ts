/**
 * Whether a workspace may go somewhere, asked of its people where they have not said. An answer for once holds for
 * some minutes, because programs open many connections for one thing; one for always is written into the policy.
 */
import { decideEgress, ruleFor, type EgressStore, type EgressTarget } from '@berth/core'
import type { Clock } from '@berth/core'
import { BerthError, type WorkspaceId } from '@berth/wire'
import type { EgressPolicy } from '@berth/wire/egress'
import type { Log } from '../http/respond.ts'
import { remembered } from '../remembered.ts'
import type { ServerAsks } from '../services/server-asks.ts'
import { messageOf } from '../thrown.ts'

export type Permission = { readonly may: true; readonly listed: boolean } | { readonly may: false; readonly why: string }
export interface Permissions {
  of(workspaceId: WorkspaceId, target: EgressTarget, signal: AbortSignal): Promise<Permission>
  /** Somebody changed the policy. */
  changed(): void
}
export interface PermissionDeps {
  readonly store: Pick<EgressStore, 'policy' | 'change'>
  readonly asks: Pick<ServerAsks, 'begin'>
  readonly clock: Clock
  readonly log: Log
  /** So long a connection waits for a person. Then it is refused, and may be tried again. */
  readonly waitMs?: number
}

/** Another server's change is known within this. */
const REMEMBERED_MS = 2000
const WAIT_MS = 30_000
const ONCE_MS = 10 * 60_000
const ANSWERS_KEPT = 10_000
const OPEN: Pick<EgressPolicy, 'mode' | 'allow' | 'deny'> = { mode: 'open', allow: [], deny: [] }

export function createPermissions({ store, asks, clock, log, waitMs = WAIT_MS }: PermissionDeps): Permissions {
  const policies = remembered<Pick<EgressPolicy, 'mode' | 'allow' | 'deny'> | null>({ clock, ms: REMEMBERED_MS, limit: 1000 })
  const answered = new Map<string, { may: boolean; until: number }>()
  const ask = async (workspaceId: WorkspaceId, target: EgressTarget, signal: AbortSignal): Promise<Permission> => {
    const rule = ruleFor(target)
    const key = `${workspaceId} ${rule} ${target.port}`
    const before = answered.get(key)
    if (before !== undefined && before.until > clock.now()) return before.may ? { may: true, listed: true } : { may: false, why: 'a person said no' }
    const question = await asks.begin({ workspaceId, tool: 'berth:host', title: `let it reach ${rule}${rule.includes(':') ? '' : ` on port ${target.port}`}`, input: { host: target.host, port: target.port } })
    const late = AbortSignal.timeout(waitMs)
    const decision = await question.decided(AbortSignal.any([signal, late])).catch((cause: unknown) => {
      if (late.aborted) return null
      throw cause
    })
    if (decision === null) return { may: false, why: 'nobody has said yet whether it may be reached; a person sees the question, try again when it is answered' }
    const may = decision.behavior === 'allow'
    if (answered.size >= ANSWERS_KEPT) answered.clear()
    answered.set(key, { may, until: clock.now() + ONCE_MS })
    if (decision.scope === 'session') {
      const list = may ? 'allow' : 'deny'
      await store.change(workspaceId, (kept) => ({ ...(kept ?? OPEN), [list]: [...new Set([...(kept ?? OPEN)[list], rule])] }), clock.now())
      policies.forget()
    }
    return may ? { may, listed: true } : { may, why: decision.message ?? 'a person said no' }
  }
  return {
    async of(workspaceId, target, signal) {
      const policy = (await policies.get(workspaceId, () => store.policy(workspaceId))) ?? OPEN
      const verdict = decideEgress(policy, target)
      if (verdict === 'go') return { may: true, listed: policy.mode === 'allowlist' }
      if (verdict === 'refuse') return { may: false, why: policy.mode === 'none' ? 'this workspace has no network' : 'its people do not let it there' }
      return ask(workspaceId, target, signal).catch((cause: unknown) => {
        if (cause instanceof BerthError && cause.code !== 'internal') return { may: false as const, why: cause.message }
        log(`${workspaceId}: nobody could be asked about ${target.host}: ${messageOf(cause)}`)
        return { may: false as const, why: 'nobody could be asked' }
      })
    },
    changed() {
      policies.forget()
      answered.clear()
    },
  }
}
