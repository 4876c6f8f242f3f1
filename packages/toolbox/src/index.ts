export * from './devcontainer-cli.ts'
export * from './targets.ts'
export * from './toolbox.ts'
export { latestAgent, type AgentName } from './agents.ts'
