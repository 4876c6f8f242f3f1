export * from './devcontainer-cli.ts'
export * from './targets.ts'
export * from './toolbox.ts'
export type { AgentName } from './agents.ts'
