/**
 * What Freestyle takes and gives of virtual machines, closed: what is not described is refused. The source is the official
 * client's types (`freestyle` 0.2.17 on npm, API /v5); `agrees.ts` holds both together when types are checked.
 */
import { z } from 'zod'

const seconds = z.int().min(-1).max(3_153_600_000)
const metadata = z.record(z.string().min(1).max(63), z.string().max(63)).refine((all) => Object.keys(all).length <= 64, 'at most 64 entries')
const slug = z.string().min(1).max(63).regex(/^[a-z0-9]+(-[a-z0-9]+)*$/)
const protocol = z.enum(['tcp', 'udp', 'icmp'])
const FirewallEndpoint = z.strictObject({ vmId: z.string(), vpcId: z.string(), tunnelId: z.string(), cidr: z.union([z.cidrv4(), z.cidrv6()]), public: z.literal(true), port: z.int().min(1).max(65_535), protocol }).partial()
  .refine(({ port, protocol: of }) => port === undefined || of === 'tcp' || of === 'udp', 'a port needs a protocol that has ports')
const namesWho = ({ vmId, vpcId, tunnelId, cidr, public: anyone }: z.infer<typeof FirewallEndpoint>): boolean => [vmId, vpcId, tunnelId, cidr, anyone].some((each) => each !== undefined)
const FirewallRule = z.strictObject({ action: z.literal('allow'), source: FirewallEndpoint, destination: FirewallEndpoint, description: z.string().max(1024).optional() })
  .refine(({ source, destination }) => namesWho(source) !== namesWho(destination), 'exactly one end is the machine itself')

const limits = { idleTimeoutSeconds: seconds, autoDeleteSeconds: seconds, ttlSeconds: seconds, maxRunSeconds: seconds, maxRunTotalSeconds: seconds }
/** Without networks, placement and TLS rules, which are not played here. */
export const NewVm = z.strictObject({
  snapshotId: z.string().min(1).nullable(), slug: slug.nullable(), reassignSlug: z.boolean(), displayName: z.string().max(255).nullable(),
  ...z.object(limits).partial().shape, automaticRestart: z.boolean(), metadata,
}).partial().extend({ firewall: z.strictObject({ rules: z.array(FirewallRule).max(64) }) })
export type NewVm = z.infer<typeof NewVm>
export const ChangeVm = z.strictObject({ slug: z.union([slug, z.literal('')]), reassignSlug: z.boolean(), displayName: z.string().max(255), ...limits, automaticRestart: z.boolean(), metadata }).partial()
export type ChangeVm = z.infer<typeof ChangeVm>
export const ResizeVm = z.strictObject({ cpu: z.int().min(1), memory: z.int().min(128), storage: z.int().min(1024) }).partial()
export type ResizeVm = z.infer<typeof ResizeVm>
/** Of 1 MiB. */
const STDIN_LIMIT = Math.ceil(1024 * 1024 / 3) * 4
export const Exec = z.strictObject({ command: z.string().min(1), linuxUser: z.string().min(1).optional(), timeoutMs: z.int().min(1).max(86_400_000).optional(), env: z.record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/), z.string()).optional(), stdin: z.base64().max(STDIN_LIMIT).optional() })
export type Exec = z.infer<typeof Exec>
const VmState = z.enum(['starting', 'running', 'pausing', 'paused', 'stopped'])
export const ListVms = z.strictObject({ state: VmState, slug: z.string(), snapshotId: z.string(), metadata: z.string().regex(/^[^:,]+:[^:,]*(,[^:,]+:[^:,]*)*$/), limit: z.coerce.number().int().min(1).max(1000), offset: z.coerce.number().int().min(0) }).partial()
export type ListVms = z.infer<typeof ListVms>
export const Nothing = z.strictObject({})
export type Nothing = z.infer<typeof Nothing>

const optionalSeconds = z.int().nullable()
export const Vm = z.strictObject({
  id: z.string().min(1), state: VmState, slug: z.string().nullable(), displayName: z.string().nullable(),
  resources: z.strictObject({ cpu: z.int(), memory: z.int(), storage: z.int() }), snapshotId: z.string(), sourceSnapshotSlugAtCreate: z.string().nullable(), sourceSnapshotSlug: z.string().nullable(),
  idleTimeoutSeconds: optionalSeconds, autoDeleteSeconds: optionalSeconds, autoDeleteFromPlan: z.boolean(), ttlSeconds: optionalSeconds, maxRunSeconds: optionalSeconds, maxRunTotalSeconds: optionalSeconds,
  totalRunSeconds: z.number(), automaticRestart: z.boolean(), metadata: z.record(z.string(), z.string()), vpcs: z.array(z.never()), networks: z.array(z.never()), createdAt: z.iso.datetime(), updatedAt: z.iso.datetime(),
})
export type Vm = z.infer<typeof Vm>
const FirewallRuleGiven = z.strictObject({ id: z.string(), action: z.literal('allow'), source: FirewallEndpoint, destination: FirewallEndpoint, description: z.string().nullable(), dependencies: z.array(z.strictObject({ kind: z.string(), id: z.string() })), createdAt: z.iso.datetime(), updatedAt: z.iso.datetime() })
export const VmMade = Vm.extend({ firewallRules: z.array(FirewallRuleGiven), tlsRules: z.array(z.never()) })
export type VmMade = z.infer<typeof VmMade>
export const Vms = z.strictObject({ vms: z.array(Vm), totalCount: z.int(), runningCount: z.int(), startingCount: z.int(), pausingCount: z.int(), pausedCount: z.int(), stoppedCount: z.int() })
export type Vms = z.infer<typeof Vms>
export const ExecEnded = z.strictObject({ stdout: z.string(), stderr: z.string(), statusCode: z.int().nullable() })
export type ExecEnded = z.infer<typeof ExecEnded>
export const RefusalGiven = z.strictObject({ code: z.string().regex(/^[A-Z][A-Z_]*$/), message: z.string() })
export const Accepted = z.strictObject({ requestId: z.string(), resultUrl: z.string() })

export const NewSnapshot = z.strictObject({ slug, displayName: z.string().max(255), autoDeleteSeconds: seconds, ttlSeconds: seconds }).partial()
export type NewSnapshot = z.infer<typeof NewSnapshot>
export const ListSnapshots = z.strictObject({ sourceVmId: z.string(), limit: z.coerce.number().int().min(1).max(1000), offset: z.coerce.number().int().min(0) }).partial()
export type ListSnapshots = z.infer<typeof ListSnapshots>
export const Snapshot = z.strictObject({
  id: z.string().min(1), sourceVmId: z.string().nullable(), slug: z.string().nullable(), displayName: z.string().nullable(), accountId: z.string().nullable(), public: z.boolean(),
  autoDeleteSeconds: optionalSeconds, autoDeleteFromPlan: z.boolean(), ttlSeconds: optionalSeconds, lastUsedAt: z.iso.datetime().nullable(), createdAt: z.iso.datetime(), updatedAt: z.iso.datetime(),
})
export type Snapshot = z.infer<typeof Snapshot>
export const SnapshotMade = z.strictObject({ snapshotId: z.string(), sourceVmId: z.string().nullable(), snapshot: Snapshot })
export type SnapshotMade = z.infer<typeof SnapshotMade>
export const Snapshots = z.strictObject({ snapshots: z.array(Snapshot), totalCount: z.int() })
export type Snapshots = z.infer<typeof Snapshots>
