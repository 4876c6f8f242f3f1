/** Any command that speaks ACP: here opencode, which a person would have in the image. */
import { createToolbox } from '@berth/toolbox'
import { AGENT_PROGRAMS } from '@berth/wire/agents'
import { TOOLBOX } from '../product.ts'
import { agentContract } from './contract.ts'
import { opencodeWords } from './opencode-words.ts'

const { version, entry } = AGENT_PROGRAMS.opencode
agentContract({
  kind: 'acp',
  prepare: () => createToolbox({ dir: TOOLBOX, log: () => {} }).ensureAgent({ agent: 'opencode' }, AbortSignal.timeout(120_000)),
  // The server of its own that it opens wants a word from whoever comes.
  words: (url) => [...opencodeWords(url, { permission: { edit: 'ask', bash: 'ask' } }), '--env', 'OPENCODE_SERVER_PASSWORD=placeholder-of-the-test', '--command', `/opt/berth/agents/opencode-${version}/${entry} acp`],
})
