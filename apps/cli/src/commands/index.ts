/** Every verb, loaded when it is used: the start of the CLI does not pay for those it does not run. */
import type { Command } from '../command.ts'

export const verbs: Readonly<Record<string, () => Promise<Command>>> = {
  up: async () => (await import('./up.ts')).up,
  start: async () => (await import('./start.ts')).start,
  list: async () => (await import('./list.ts')).list,
  ls: async () => (await import('./list.ts')).list,
  attach: async () => (await import('./attach.ts')).attach,
  ssh: async () => (await import('./ssh.ts')).ssh,
  ports: async () => (await import('./ports.ts')).ports,
  preview: async () => (await import('./preview.ts')).preview,
  web: async () => (await import('./web.ts')).web,
  send: async () => (await import('./send.ts')).send,
  'stop-turn': async () => (await import('./stop-turn.ts')).stopTurn,
  approvals: async () => (await import('./approvals.ts')).approvals,
  approve: async () => (await import('./approve.ts')).approve,
  deny: async () => (await import('./approve.ts')).deny,
  events: async () => (await import('./events.ts')).events,
  logs: async () => (await import('./logs.ts')).logs,
  pull: async () => (await import('./pull.ts')).pull,
  diff: async () => (await import('./diff.ts')).diff,
  review: async () => (await import('./review.ts')).review,
  checkpoints: async () => (await import('./checkpoints.ts')).checkpoints,
  rewind: async () => (await import('./rewind.ts')).rewind,
  stop: async () => (await import('./stop.ts')).stop,
  down: async () => (await import('./stop.ts')).stop,
  delete: async () => (await import('./delete.ts')).deleteCommand,
  rm: async () => (await import('./delete.ts')).deleteCommand,
  'keep-alive': async () => (await import('./keep-alive.ts')).keepAlive,
  provider: async () => (await import('./provider.ts')).provider,
  doctor: async () => (await import('./doctor.ts')).doctor,
  server: async () => (await import('./server.ts')).server,
  serve: async () => (await import('./serve.ts')).serve,
  backup: async () => (await import('./serve.ts')).backup,
  restore: async () => (await import('./serve.ts')).restore,
  completion: async () => (await import('./completion.ts')).completion,
  version: async () => (await import('./version.ts')).version,
}

/** The order of the help. */
export const groups: readonly (readonly [string, readonly string[]])[] = [
  ['Workspaces', ['up', 'list', 'start', 'stop', 'delete', 'keep-alive']],
  ['The agent', ['send', 'stop-turn', 'approvals', 'approve', 'deny']],
  ['Looking in', ['attach', 'ssh', 'web', 'ports', 'preview', 'events', 'logs']],
  ['The work', ['review', 'diff', 'pull', 'checkpoints', 'rewind']],
  ['Setup', ['provider', 'doctor', 'server', 'serve', 'backup', 'restore', 'completion', 'version']],
]
