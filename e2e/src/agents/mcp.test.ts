/** Real agents call a server of the person and one of our own tools: Claude without a screen, Codex, Gemini, opencode, Qwen. `./test full` only. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { EventBody, Workspace } from '@berth/wire'
import { startGround, type Ground } from '../ground.ts'
import { eventually } from '../product.ts'
import { modelUrl, modelWords } from '../providers.ts'
import { NOTES_FILE, notesServer, scratch } from '../surface/mcp-servers.ts'
import { opencodeWords } from './opencode-words.ts'
import { codexWords, geminiWords, qwenWords } from './words.ts'

const TOKEN = 'placeholder-token-of-the-notes'
const TURN_MS = 120_000
const WORDS: Readonly<Record<string, (url: string, ground: Ground) => readonly string[]>> = {
  'claude-headless': (_, { model }) => modelWords(model),
  opencode: (url) => opencodeWords(url),
  codex: codexWords, gemini: geminiWords, qwen: qwenWords,
}
/** Gemini CLI leaves out every tool that has the name of its own. */
const scenarioOf = (kind: string): string => `ask-${kind}`
let ground: Ground
const files = scratch()
const asking = (tool: string) => () => [
  [{ tool: 'mcp:notes/add_note', input: { text: 'milk' } }],
  [{ tool, input: { question: 'Which color?', options: [{ label: 'red' }, { label: 'blue' }] } }],
  [{ text: 'Noted, and I have the color.' }],
]
beforeAll(async () => {
  ground = await startGround({ from: { 'README.md': '# demo\n', [NOTES_FILE]: await notesServer() }, scenarios: Object.fromEntries(Object.keys(WORDS).map((kind) => [scenarioOf(kind), asking(`mcp:berth/${kind === 'gemini' ? 'ask_person' : 'ask_user'}`)])) })
  writeFileSync(join(files.dir, 'mcp.json'), JSON.stringify({ mcpServers: { notes: { command: 'node', args: [`/workspace/${NOTES_FILE}`], env: { NOTES_TOKEN: TOKEN } } } }))
}, 180_000)
afterAll(async () => {
  await ground?.close()
  files.remove()
}, 120_000)

for (const [kind, words] of Object.entries(WORDS)) {
  test(`${kind} calls both`, async () => {
    const { id } = await ground.product.json<Workspace>(['up', '.', '--provider', 'local', '--agent', kind, '--name', kind, '--no-open', '-y', '--mcp-file', join(files.dir, 'mcp.json'), ...words(modelUrl(ground.model), ground)], { cwd: ground.dir })
    const bodies = async (): Promise<EventBody[]> => (await ground.events(id)).map(({ body }) => body as EventBody)
    await ground.ask('POST', `/workspaces/${id}/messages`, { text: `now [[${scenarioOf(kind)}]]` })
    const answered = new Set<string>()
    await eventually(async () => {
      for (const { approvalId, tool, input } of await ground.approvals(id)) {
        if (answered.has(approvalId)) continue
        answered.add(approvalId)
        await ground.ask('POST', `/approvals/${approvalId}/decision`, { decision: { behavior: 'allow', ...(tool === 'ask_user' ? { updatedInput: { ...input, answers: { 'Which color?': 'blue' } } } : {}) }, via: 'api' })
      }
      return (await bodies()).some(({ type }) => type === 'turn.ended')
    }, 'the end of the turn', TURN_MS)
    const last = JSON.stringify(ground.model.requests().findLast(({ selected }) => selected?.name === scenarioOf(kind))?.body)
    expect(last).toContain(`noted milk with ${TOKEN}`)
    expect(last).toContain('The person answered: blue')
    expect(JSON.stringify(await bodies())).not.toContain(TOKEN)
    expect((await bodies()).filter((body) => body.type === 'approval.asked' && body.ask.tool === 'ask_user')).toHaveLength(1)
    await ground.product.cli(['delete', id, '-y'])
  }, TURN_MS + 60_000)
}
