/** Held by the type checker alone: what the simulator takes is what the official client sends, what it gives is what that client reads. */
import type { RecordCreateParams, RecordResponse } from 'cloudflare/resources/dns/records'
import type { NewRecord, SimRecord } from './described.ts'

type Same<Narrow extends Wide, Wide> = Narrow
/** Absent, as JSON has it, and never undefined. */
type Sent<T> = T extends unknown ? { [K in keyof T]: Exclude<T[K], undefined> } : never
export type Takes = Same<Sent<NewRecord> & { zone_id: string }, RecordCreateParams>
type Given<T extends SimRecord['type']> = Omit<SimRecord, 'type'> & { type: T }
export type Gives = [Same<Given<'A'>, RecordResponse.ARecord>, Same<Given<'TXT'>, RecordResponse.TXTRecord>, Same<Given<'CNAME'>, RecordResponse.CNAMERecord>]
