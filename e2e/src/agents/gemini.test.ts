/** Gemini CLI over the Agent Client Protocol. */
import { agentContract } from './contract.ts'

agentContract({ kind: 'gemini', words: (url) => ['--env', `GOOGLE_GEMINI_BASE_URL=${url}`, '--env', 'GEMINI_API_KEY=placeholder-not-a-secret', '--command=-m gemini-2.5-flash'] })
