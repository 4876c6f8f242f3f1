/** opencode, shared with its own screen. */
import { agentContract } from './contract.ts'

const configOf = (url: string) => ({
  share: 'disabled', model: 'scripted/scripted', small_model: 'scripted/scripted',
  provider: { scripted: { npm: '@ai-sdk/openai-compatible', name: 'Scripted', options: { baseURL: `${url}/v1`, apiKey: 'placeholder' }, models: { scripted: { name: 'Scripted', limit: { context: 200_000, output: 8000 } } } } },
})
agentContract({ kind: 'opencode', words: (url) => ['--env', `OPENCODE_CONFIG_CONTENT=${JSON.stringify(configOf(url))}`, '--env', 'OPENCODE_DISABLE_MODELS_FETCH=1', '--env', 'OPENCODE_DISABLE_LSP_DOWNLOAD=1', '--env', 'OPENCODE_DISABLE_DEFAULT_PLUGINS=1'] })
