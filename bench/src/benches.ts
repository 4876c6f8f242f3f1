/** Every benchmark by name, loaded when it runs: a light one does not pay for what a heavy one needs. */
import type { Bench } from './measure.ts'

export const benches: Readonly<Record<string, { readonly summary: string; load(): Promise<Bench> }>> = {
  'docker-up': { summary: '`berth up` on docker until the daemon is connected, and until Claude Code has the prompt', load: () => import('./docker-up.ts').then(({ dockerUp }) => dockerUp) },
  'cli-start': { summary: '`berth --version` against a bare bun', load: () => import('./cli-start.ts').then(({ cliStart }) => cliStart) },
  'server-start': { summary: 'cold and warm start of the server, against its database alone', load: () => import('./server-start.ts').then(({ serverStart }) => serverStart) },
  'server-memory': { summary: 'PSS of the idle server and its PostgreSQL', load: () => import('./server-memory.ts').then(({ serverMemory }) => serverMemory) },
  'event-delivery': { summary: 'a daemon\'s event until a second client has it', load: () => import('./event-delivery.ts').then(({ eventDelivery }) => eventDelivery) },
  fanout: { summary: 'one publisher to 1,000 subscribers', load: () => import('./fanout.ts').then(({ fanout }) => fanout) },
  terminal: { summary: 'terminal throughput and echo against a direct tmux attach', load: () => import('./terminal.ts').then(({ terminal }) => terminal) },
  mux: { summary: 'bytes and round trips through the link\'s mux against raw TCP', load: () => import('./mux.ts').then(({ mux }) => mux) },
}
