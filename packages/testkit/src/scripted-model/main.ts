/** `bun run scripted-model [--port N] [--hostname ADDRESS] [--log FILE]`: the scripted model by hand, until interrupted. */
import { parseArgs } from 'node:util'
import { builtInScenarios } from './built-in.ts'
import { startScriptedModel } from './server.ts'

const USAGE = `usage: bun run scripted-model [--port N] [--hostname ADDRESS] [--log FILE]

  --port      a free one by default
  --hostname  127.0.0.1 by default; machines of docker reach the address of docker0, often 172.17.0.1
  --log       each request, one JSON object a line
`
const { values } = readOptions()
if (values.help === true) {
  process.stdout.write(USAGE)
  process.exit(0)
}
const model = await startScriptedModel({
  ...(values.port === undefined ? {} : { port: Number(values.port) }),
  ...(values.hostname === undefined ? {} : { hostname: values.hostname }),
  ...(values.log === undefined ? {} : { logFile: values.log }),
})
process.stdout.write(`${model.url}

scenarios: ${Object.keys(builtInScenarios).map((name) => `[[${name}]]`).join(' ')}
(put one into the prompt; some take a parameter: [[count 50]], [[long 60]], [[run ls]])

claude:
  export ANTHROPIC_BASE_URL=${model.url} ANTHROPIC_AUTH_TOKEN=placeholder CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1
codex (config.toml; then MOCK_KEY=placeholder codex):
  model = "gpt-5.5"
  model_provider = "scripted"
  [model_providers.scripted]
  name = "scripted"
  base_url = "${model.url}/v1"
  wire_api = "responses"
  env_key = "MOCK_KEY"
opencode (opencode.json):
  {"model":"scripted/mock-model","provider":{"scripted":{"npm":"@ai-sdk/openai-compatible","options":{"baseURL":"${model.url}/v1","apiKey":"x"},"models":{"mock-model":{"name":"Scripted"}}}}}
gemini:
  export GEMINI_API_KEY=placeholder GOOGLE_GEMINI_BASE_URL=${model.url}
`)
await new Promise<void>((resolve) => {
  process.once('SIGINT', () => { resolve() })
  process.once('SIGTERM', () => { resolve() })
})
await model.close()

function readOptions() {
  try {
    return parseArgs({ options: { port: { type: 'string' }, hostname: { type: 'string' }, log: { type: 'string' }, help: { type: 'boolean', short: 'h' } } })
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`)
    process.exit(2)
  }
}
