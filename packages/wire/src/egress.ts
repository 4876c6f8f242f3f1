/** Where a workspace may go, who was turned away, and what is put into requests on the way. */
import { oc } from '@orpc/contract'
import { z } from 'zod'
import { EGRESS_RULE, EGRESS_RULE_LENGTH } from './egress-rules.ts'
import { WorkspaceId } from './ids.ts'

export { EGRESS_DEFAULT, EGRESS_GROUPS } from './egress-rules.ts'

/**
 * `open`: the public internet, and no private network, no service of the host or its cloud. `allowlist`: the hosts that
 * are named, others when a person says so. `none`: nowhere. In each the workspace reaches its own server: code, models.
 */
export const EgressMode = z.enum(['open', 'allowlist', 'none'])
export type EgressMode = z.infer<typeof EgressMode>

/** See `EGRESS_RULE`. */
export const EgressRule = z.string().max(EGRESS_RULE_LENGTH).regex(EGRESS_RULE, 'a name such as example.com, *.example.com or example.com:8443, or @npm')
const Rules = z.array(EgressRule).max(500)

export const EgressPolicy = z.object({
  mode: EgressMode, allow: z.array(z.string()), deny: z.array(z.string()),
  /** Where it is kept: false where nothing stands between the machine and the network. Absent: not known. */
  enforced: z.boolean().optional(),
})
export type EgressPolicy = z.infer<typeof EgressPolicy>
export const EgressRefusal = z.object({ host: z.string(), port: z.number().int(), why: z.string(), times: z.number().int(), firstAt: z.number(), lastAt: z.number() })
export type EgressRefusal = z.infer<typeof EgressRefusal>

/** `header`: a line with the secret where `{secret}` stands. `aws`: requests are signed, by Signature Version 4. */
export const InjectionHow = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('header'), header: z.string().regex(/^[A-Za-z0-9-]{1,60}$/), template: z.string().max(200).default('{secret}') }),
  z.object({ kind: z.literal('aws'), accessKeyId: z.string().regex(/^[A-Z0-9]{10,40}$/), region: z.string().regex(/^[a-z0-9-]{2,30}$/), service: z.string().regex(/^[a-z0-9-]{1,30}$/) }),
])
export type InjectionHow = z.infer<typeof InjectionHow>
export const InjectionName = z.string().regex(/^[a-z0-9][a-z0-9-]{0,39}$/)
export const Injection = z.object({ name: InjectionName, /** Reached over TLS, on 443 unless a port is said. */ host: z.string(), how: InjectionHow, addedAt: z.number(), lastUsedAt: z.number().nullable() })
export type Injection = z.infer<typeof Injection>

const tag = { tags: ['egress'] }
const ById = z.object({ id: WorkspaceId })
/** Spread into `api`. */
export const egressApi = {
  getEgress: oc.route({ method: 'GET', path: '/workspaces/{id}/egress', summary: 'Where a workspace may go, and where it was not let go', ...tag }).input(ById).output(z.object({ policy: EgressPolicy, refusals: z.array(EgressRefusal) })),
  /** At once, without a restart. What is absent stays; `forget` is taken out of both lists. */
  setEgress: oc.route({ method: 'PUT', path: '/workspaces/{id}/egress', summary: 'Say where a workspace may go', ...tag })
    .input(ById.extend({ mode: EgressMode.optional(), allow: Rules.default([]), deny: Rules.default([]), forget: Rules.default([]) })).output(EgressPolicy),
  listInjections: oc.route({ method: 'GET', path: '/injections', summary: 'What is put into requests of workspaces on the way', ...tag }).output(z.array(Injection)),
  putInjection: oc.route({ method: 'PUT', path: '/injections/{name}', summary: 'Put a secret into requests to one host, which no workspace sees', ...tag })
    .input(z.object({ name: InjectionName, host: z.string().max(255).regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:\d{1,5})?$/), how: InjectionHow, secret: z.string().min(1).max(8192).regex(/^[\x20-\x7e]+$/) })).output(Injection),
  removeInjection: oc.route({ method: 'DELETE', path: '/injections/{name}', summary: 'Forget one of them', ...tag }).input(z.object({ name: InjectionName })).output(z.object({ removed: z.boolean() })),
}
