/** Copilot CLI over the Agent Client Protocol, with a model of one's own: its maker is not asked. */
import { agentContract } from './contract.ts'

agentContract({ kind: 'copilot', words: (url) => ['--env', 'COPILOT_OFFLINE=true', '--env', `COPILOT_PROVIDER_BASE_URL=${url}/v1`, '--env', 'COPILOT_PROVIDER_TYPE=openai', '--env', 'COPILOT_MODEL=scripted', '--env', 'COPILOT_PROVIDER_API_KEY=placeholder-not-a-secret'] })
