/** What a sweep will do, drawn from its seed before it begins, so that a seed names one sweep. */
import { createChance } from './chance.ts'

export const KILL_KINDS = ['server', 'postgres', 'daemon', 'agent', 'everything'] as const
export type KillKind = (typeof KILL_KINDS)[number]

export interface Crash {
  readonly index: number
  readonly kind: KillKind
  /** Waits until the last crash is recovered from; otherwise it strikes into the recovery. */
  readonly afterRecovery: boolean
  readonly pauseMs: number
  /** How long the server stays away when it was killed. */
  readonly awayMs: number
  /** What a person asks for at the same moment. */
  readonly meanwhile: 'nothing' | 'flip' | 'birth' | 'death'
  /** Chooses the victim among those that live at that moment. */
  readonly victim: number
}

export function planCrashes(options: { seed: number; runs: number; kinds?: readonly KillKind[] }): Crash[] {
  const chance = createChance(options.seed)
  const kinds = options.kinds ?? KILL_KINDS
  // Equal numbers of each kind: a thousand runs or sixty, none is rare.
  const drawn = chance.shuffled(Array.from({ length: options.runs }, (_, at) => kinds[at % kinds.length] ?? 'server'))
  return drawn.map((kind, index) => ({
    index, kind,
    afterRecovery: chance.happens(0.6),
    pauseMs: chance.between(0, 500),
    awayMs: chance.between(0, 250),
    meanwhile: chance.happens(0.2) ? 'flip' : chance.happens(0.12) ? 'birth' : chance.happens(0.12) ? 'death' : 'nothing',
    victim: chance.int(1 << 30),
  }))
}
