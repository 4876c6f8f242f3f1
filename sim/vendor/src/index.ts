/** What every simulated cloud has: a front on loopback that scripted faults spoil, books of what is charged, and things that take their time. */
export { listOf } from './fault.ts'
export type { Fault, ListAs, PathFault, Wrong } from './fault.ts'
export { byPath, jsonOf, startFront } from './front.ts'
export type { AskedAtPath, Front, JsonAnswer } from './front.ts'
export { createLedger } from './ledger.ts'
export type { Ledger } from './ledger.ts'
export { createTransitions } from './transitions.ts'
export type { Transitions } from './transitions.ts'
