/** Every benchmark by name, loaded when it runs: a light one does not pay for what a heavy one needs. */
import type { Bench } from './measure.ts'

export const benches: Readonly<Record<string, { readonly summary: string; load(): Promise<Bench> }>> = {
  mux: { summary: 'bytes over the link\'s mux against raw TCP', load: () => import('./mux.ts').then(({ mux }) => mux) },
}
