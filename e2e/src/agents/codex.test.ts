/** Codex, shared with its own screen. */
import { agentContract } from './contract.ts'

agentContract({
  kind: 'codex',
  // A model whose tools are those of every model; newer ones drive theirs by a script, and its screen would praise one first.
  words: (url) => ['--env', `OPENAI_BASE_URL=${url}/v1`, '--env', 'OPENAI_API_KEY=placeholder-not-a-secret', `--command=-c model=gpt-5.5 -c notice.model_migrations={"gpt-5.5"="gpt-6-sol"}`],
})
