export { startScriptedModel, type ModelRequest, type ScriptedModel } from './server.ts'
export { builtInScenarios } from './built-in.ts'
export type { Block, Scenario, ScenarioContext, Scenarios, Step } from './scenario.ts'
