/** Codex, shared with its own screen. */
import { agentContract } from './contract.ts'
import { codexWords } from './words.ts'

agentContract({ kind: 'codex', words: codexWords })
