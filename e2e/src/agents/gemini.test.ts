/** Gemini CLI over the Agent Client Protocol. */
import { agentContract } from './contract.ts'
import { geminiWords } from './words.ts'

agentContract({ kind: 'gemini', words: geminiWords })
