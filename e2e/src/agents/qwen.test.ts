/** Qwen Code over the Agent Client Protocol. */
import { agentContract } from './contract.ts'

agentContract({ kind: 'qwen', words: (url) => ['--env', `OPENAI_BASE_URL=${url}/v1`, '--env', 'OPENAI_API_KEY=placeholder-not-a-secret', '--env', 'OPENAI_MODEL=scripted'] })
