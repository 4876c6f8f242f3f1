/**
 * What the vendor would charge, in USD: an instance by the second while it runs, a minute at least each time; its public
 * address by the second; a disk by its size from creation to deletion, whatever its machine does; a snapshot by what it takes.
 */
export interface Charged { readonly kind: 'instance' | 'volume' | 'ipv4' | 'snapshot'; readonly id: string; /** Its `Name` tag. */ readonly name: string; /** A disk that began as its image's. */ readonly isRoot?: boolean; readonly hourly: number }

const SECOND = 1000
const HOUR_S = 3600
const LEAST_S: Readonly<Record<Charged['kind'], number>> = { instance: 60, volume: 60, ipv4: 0, snapshot: 0 }

export const costOf = ({ kind, hourly }: Charged, ms: number): number => Math.max(LEAST_S[kind], Math.ceil(ms / SECOND)) * hourly / HOUR_S
