/** opencode, shared with its own screen. */
import { agentContract } from './contract.ts'
import { opencodeWords } from './opencode-words.ts'

agentContract({ kind: 'opencode', words: (url) => opencodeWords(url) })
