/** Every benchmark by name, loaded when it runs: a light one does not pay for what a heavy one needs. */
import type { Bench } from './measure.ts'

export const benches: Readonly<Record<string, { readonly summary: string; load(): Promise<Bench> }>> = {
  'docker-up': { summary: '`berth up` on docker until the daemon is connected, and until Claude Code has the prompt', load: () => import('./docker-up.ts').then(({ dockerUp }) => dockerUp) },
  'devcontainer-up': { summary: '`berth up` against `devcontainer up` by the reference CLI alone, on one project', load: () => import('./devcontainer-up.ts').then(({ devcontainerUp }) => devcontainerUp) },
  'cli-start': { summary: '`berth --version` against a bare bun', load: () => import('./cli-start.ts').then(({ cliStart }) => cliStart) },
  'server-start': { summary: 'cold and warm start of the server, against its database alone', load: () => import('./server-start.ts').then(({ serverStart }) => serverStart) },
  'server-memory': { summary: 'PSS of the idle server and its PostgreSQL', load: () => import('./server-memory.ts').then(({ serverMemory }) => serverMemory) },
  'daemon-memory': { summary: 'PSS of the daemon in an idle workspace', load: () => import('./daemon-memory.ts').then(({ daemonMemory }) => daemonMemory) },
  'event-delivery': { summary: 'a daemon\'s event until a second client has it', load: () => import('./event-delivery.ts').then(({ eventDelivery }) => eventDelivery) },
  'socket-delivery': { summary: 'text of the agent until a second client has it on its socket', load: () => import('./socket-delivery.ts').then(({ socketDelivery }) => socketDelivery) },
  'approval-to-tool': { summary: 'a decision over HTTP until the agent\'s tool starts', load: () => import('./approval-to-tool.ts').then(({ approvalToTool }) => approvalToTool) },
  'page-load': { summary: 'a session page on a slow phone, against other pages for the same', load: () => import('./page-load.ts').then(({ pageLoad }) => pageLoad) },
  'page-append': { summary: 'one more card on a page with 2,000 events, and its heap', load: () => import('./page-append.ts').then(({ pageAppend }) => pageAppend) },
  'page-open': { summary: 'a page of a session with 50,000 events, against one with 100', load: () => import('./page-open.ts').then(({ pageOpen }) => pageOpen) },
  fanout: { summary: 'one publisher to 1,000 subscribers', load: () => import('./fanout.ts').then(({ fanout }) => fanout) },
  terminal: { summary: 'terminal throughput and echo against a direct tmux attach', load: () => import('./terminal.ts').then(({ terminal }) => terminal) },
  'terminal-flood': { summary: 'echo while a sibling terminal floods', load: () => import('./terminal-flood.ts').then(({ terminalFlood }) => terminalFlood) },
  'stalled-viewer': { summary: 'growth of the server while 1 GB flows past a viewer that does not read', load: () => import('./stalled-viewer.ts').then(({ stalledViewer }) => stalledViewer) },
  upload: { summary: 'a tree of 50,000 files sent to the server, against tar | zstd', load: () => import('./upload.ts').then(({ upload }) => upload) },
  preview: { summary: 'a dev server through a preview: requests for the processor time against nginx, a large answer against the bare mux', load: () => import('./preview.ts').then(({ preview }) => preview) },
  sync: { summary: 'a saved file until the workspace has it, against rsync over the same ssh', load: () => import('./sync.ts').then(({ sync }) => sync) },
  ssh: { summary: 'ssh through the link against a direct sshd in the same container', load: () => import('./ssh.ts').then(({ ssh }) => ssh) },
  gateway: { summary: 'a clone and a call of a model through the server that holds the credential, against the host itself', load: () => import('./gateway.ts').then(({ gateway }) => gateway) },
  mux: { summary: 'bytes and round trips through the link\'s mux against raw TCP', load: () => import('./mux.ts').then(({ mux }) => mux) },
}
