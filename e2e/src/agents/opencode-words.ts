/** What leads opencode to the scripted model and nowhere else. */
const configOf = (url: string, more: object) => ({
  share: 'disabled', model: 'scripted/scripted', small_model: 'scripted/scripted', ...more,
  provider: { scripted: { npm: '@ai-sdk/openai-compatible', name: 'Scripted', options: { baseURL: `${url}/v1`, apiKey: 'placeholder' }, models: { scripted: { name: 'Scripted', limit: { context: 200_000, output: 8000 } } } } },
})
export const opencodeWords = (url: string, more: object = {}): string[] =>
  ['--env', `OPENCODE_CONFIG_CONTENT=${JSON.stringify(configOf(url, more))}`, '--env', 'OPENCODE_DISABLE_MODELS_FETCH=1', '--env', 'OPENCODE_DISABLE_LSP_DOWNLOAD=1', '--env', 'OPENCODE_DISABLE_DEFAULT_PLUGINS=1']
