/** The door of the agents' room. */
import type { AgentKind } from '@berth/wire'
import { BerthError } from '@berth/wire'
import type { CreateDriver } from '../../contracts.ts'
import { createAcpDriver } from './acp/agents.ts'
import { createOpencodeDriver } from './opencode/driver.ts'
import { createCodexDriver } from './codex/driver.ts'
import { createClaudeDriver } from './claude/driver.ts'
import { createHeadlessDriver } from './headless/driver.ts'
import { createPlainDriver } from './plain.ts'

const DRIVERS: Readonly<Record<AgentKind, CreateDriver>> = {
  claude: createClaudeDriver, plain: createPlainDriver,
  'claude-headless': createHeadlessDriver, codex: createCodexDriver, opencode: createOpencodeDriver, gemini: createAcpDriver, qwen: createAcpDriver, copilot: createAcpDriver, acp: createAcpDriver,
}
export function driverFor(kind: AgentKind): CreateDriver {
  // An assignment of a newer server may name one that is not here.
  const driver = Object.hasOwn(DRIVERS, kind) ? DRIVERS[kind] : undefined
  if (driver === undefined) throw new BerthError('agent_unavailable', `this machine's daemon does not know the agent ${kind}`, { hint: 'stop and start the workspace: it gets a newer daemon' })
  return driver
}
export { hookMain } from './hook-client.ts'
