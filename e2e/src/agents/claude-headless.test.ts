/** Claude Code without a screen. */
import { agentContract } from './contract.ts'

const words = (url: string): string[] => ['--env', `ANTHROPIC_BASE_URL=${url}`, '--env', 'ANTHROPIC_AUTH_TOKEN=placeholder-not-a-secret', '--env', 'CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1']
agentContract({ kind: 'claude-headless', words })
