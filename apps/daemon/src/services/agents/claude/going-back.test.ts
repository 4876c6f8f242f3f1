import { expect, test } from 'bun:test'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { SessionId } from '@berth/wire'
import { openJournal } from '../../../journal/journal.ts'
import { createAsAgent } from '../../as-agent.ts'
import { createAgentFiles } from '../agent-file.ts'
import { createConversation } from './conversation.ts'
import { createGoingBack } from './going-back.ts'
import { createTranscriptTail } from './tail.ts'

const sessionId = 'ses_aaaabbbbcccc' as SessionId

test('a conversation goes back to where it stood under a name of its own, and nothing of it is told again', async () => {
  const root = mkdtempSync(join(tmpdir(), 'berth-back-'))
  const journal = openJournal({ path: join(root, 'journal.sqlite') })
  try {
    const asAgent = createAsAgent({ boot: { workspaceId: 'ws_aaaabbbbcccc' as never, homeDir: root, agentUser: null, isolation: 'none' }, machineBoot: 'test', workspaceEnv: () => ({}) })
    const conversation = createConversation({ journal, sessionId })
    const tail = createTranscriptTail({ journal, files: createAgentFiles(null), sessionId })
    const back = createGoingBack({ asAgent, conversation, tail })
    const first = conversation.uuid
    const path = join(root, `${first}.jsonl`)
    const line = (text: string) => `${JSON.stringify({ type: 'user', uuid: crypto.randomUUID(), sessionId: first, message: { content: text } })}\n`
    const heard: string[] = []
    const read = () => tail.poll((fact) => { if (fact.kind === 'prompt') heard.push(fact.text) })
    expect(back.at()).toBeNull()
    writeFileSync(path, line('one'))
    tail.follow(path)
    read()
    const there = back.at()
    writeFileSync(path, line('two'), { flag: 'a' })
    read()
    const later = back.at()
    expect(await back.to(there)).toBe(true)
    expect(conversation.uuid).not.toBe(first)
    const copy = readFileSync(join(root, `${conversation.uuid}.jsonl`), 'utf8')
    expect([copy.includes('one'), copy.includes('two'), copy.includes(first), copy.includes(conversation.uuid)]).toEqual([true, false, false, true])
    read()
    expect(heard).toEqual(['one', 'two'])
    // And forward again: what came later stayed where it was.
    expect(await back.to(later)).toBe(true)
    expect(readFileSync(join(root, `${conversation.uuid}.jsonl`), 'utf8')).toContain('two')
    // The beginning is a conversation without a file; what is gone is said to be.
    expect(await back.to(null)).toBe(true)
    expect(readdirSync(root).some((name) => name.includes(conversation.uuid))).toBe(false)
    rmSync(path)
    expect(await back.to(there)).toBe(false)
    expect(Bun.spawnSync(['mkfifo', path]).exitCode).toBe(0)
    expect(await createGoingBack({ asAgent, conversation, tail, withinMs: 100 }).to(there)).toBe(false)
  } finally {
    journal.close()
    rmSync(root, { recursive: true, force: true })
  }
})
