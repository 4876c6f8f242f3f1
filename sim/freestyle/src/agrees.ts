/** Held by the type checker alone: what the simulator takes is what the official client sends, what it gives is what that client reads. */
import type { CreateSnapshotOptions, CreateVmOptions, ExecOptions, ExecResult, FirewallRuleData, FreestyleErrorBody, ListSnapshotsOptions, ListSnapshotsResult, ListVmsOptions, ListVmsResult, ResizeVmOptions, SnapshotCreated, SnapshotData, UpdateVmOptions, VmData } from 'freestyle'
import type { z } from 'zod'
import type { ChangeVm, Exec, ExecEnded, ListSnapshots, ListVms, NewSnapshot, NewVm, RefusalGiven, ResizeVm, Snapshot, SnapshotMade, Snapshots, Vm, VmMade, Vms } from './described.ts'

type Same<Narrow extends Wide, Wide> = Narrow
/** No property that the client does not know. */
type Known<T, Of> = Exclude<keyof T, keyof Of>
/** Absent, as JSON has it, and never undefined. */
type Sent<T> = T extends readonly unknown[] ? T : T extends object ? { [K in keyof T]: Sent<Exclude<T[K], undefined>> } : T
export type Takes = [Same<Sent<NewVm>['firewall']['rules'][number]['action'], CreateVmOptions['firewall']['rules'][number]['action']>, Same<Sent<Omit<NewVm, 'firewall'>>, Omit<CreateVmOptions, 'firewall'>>, Same<Sent<ChangeVm>, UpdateVmOptions>, Same<Sent<ResizeVm>, ResizeVmOptions>, Same<Sent<Exec>, ExecOptions>, Same<Sent<ListVms>, ListVmsOptions>, Same<Sent<NewSnapshot>, CreateSnapshotOptions>, Same<Sent<ListSnapshots>, ListSnapshotsOptions>]
export type Gives = [Same<Vm, VmData>, Same<Vms, ListVmsResult>, Same<ExecEnded, ExecResult>, Same<Snapshot, SnapshotData>, Same<Snapshots, ListSnapshotsResult>, Same<SnapshotMade, SnapshotCreated>, Same<Omit<VmMade['firewallRules'][number], 'source' | 'destination'>, Omit<FirewallRuleData, 'source' | 'destination'>>, Same<z.infer<typeof RefusalGiven>, FreestyleErrorBody>]
export type NothingMore = [Same<Known<NewVm, CreateVmOptions>, never>, Same<Known<ChangeVm, UpdateVmOptions>, never>, Same<Known<ResizeVm, ResizeVmOptions>, never>, Same<Known<Exec, ExecOptions>, never>, Same<Known<ListVms, ListVmsOptions>, never>, Same<Known<Vm, VmData>, never>, Same<Known<Vms, ListVmsResult>, never>, Same<Known<ExecEnded, ExecResult>, never>, Same<Known<NewSnapshot, CreateSnapshotOptions>, never>, Same<Known<ListSnapshots, ListSnapshotsOptions>, never>, Same<Known<Snapshot, SnapshotData>, never>, Same<Known<SnapshotMade, SnapshotCreated>, never>]
