/** Qwen Code over the Agent Client Protocol. */
import { agentContract } from './contract.ts'
import { qwenWords } from './words.ts'

agentContract({ kind: 'qwen', words: qwenWords })
