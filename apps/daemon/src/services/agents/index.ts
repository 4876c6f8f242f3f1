/** The door of the agents' room. */
import type { AgentKind } from '@berth/wire'
import type { CreateDriver } from '../../contracts.ts'
import { createClaudeDriver } from './claude/driver.ts'
import { createPlainDriver } from './plain.ts'

const DRIVERS: Record<AgentKind, CreateDriver> = { claude: createClaudeDriver, plain: createPlainDriver }
export const driverFor = (kind: AgentKind): CreateDriver => DRIVERS[kind]
export { hookMain } from './hook-client.ts'
