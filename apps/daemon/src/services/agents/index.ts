/** The door of the agents' room. */
import type { AgentKind } from '@berth/wire'
import { BerthError } from '@berth/wire'
import type { CreateDriver } from '../../contracts.ts'
import { createAcpDriver } from './acp/agents.ts'
import { createClaudeDriver } from './claude/driver.ts'
import { createPlainDriver } from './plain.ts'

const DRIVERS: Partial<Record<AgentKind, CreateDriver>> = {
  claude: createClaudeDriver, plain: createPlainDriver,
  gemini: createAcpDriver, qwen: createAcpDriver, acp: createAcpDriver,
}
export function driverFor(kind: AgentKind): CreateDriver {
  const driver = DRIVERS[kind]
  if (driver === undefined) throw new BerthError('agent_unavailable', `this machine's daemon does not know the agent ${kind}`, { hint: 'stop and start the workspace: it gets a newer daemon' })
  return driver
}
export { hookMain } from './hook-client.ts'
