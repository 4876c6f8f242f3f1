/** What the ways out need kept. */
import type { OrgId, WorkspaceId } from '@berth/wire'
import type { EgressPolicy, EgressRefusal, Injection, InjectionHow } from '@berth/wire/egress'

export interface EgressStore {
  /** Null: nobody said anything. */
  policy(id: WorkspaceId): Promise<Pick<EgressPolicy, 'mode' | 'allow' | 'deny'> | null>
  /** One change at a time: `change` gets what is kept by then. */
  change(id: WorkspaceId, change: (before: Pick<EgressPolicy, 'mode' | 'allow' | 'deny'> | null) => Pick<EgressPolicy, 'mode' | 'allow' | 'deny'>, now: number): Promise<Pick<EgressPolicy, 'mode' | 'allow' | 'deny'>>
  refused(id: WorkspaceId, refusal: { host: string; port: number; why: string }, now: number): Promise<void>
  refusals(id: WorkspaceId): Promise<EgressRefusal[]>
  injections(orgId: OrgId): Promise<Injection[]>
  putInjection(injection: { orgId: OrgId; name: string; host: string; how: InjectionHow; secret: string }, now: number): Promise<Injection>
  removeInjection(orgId: OrgId, name: string): Promise<boolean>
  /** A secret: only for a request to that very host, over TLS. */
  injectionFor(orgId: OrgId, host: string): Promise<{ name: string; how: InjectionHow; secret: string } | null>
  injected(orgId: OrgId, name: string, now: number): Promise<void>
}
