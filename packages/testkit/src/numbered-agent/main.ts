/**
 * A stand-in for Claude Code that costs nothing and counts: it takes the same arguments, calls the same hooks and
 * writes the same kind of transcript, one number after another, and keeps its own log of the numbers. Crash sweeps
 * judge what arrived against that log.
 *
 * `bun main.ts --settings FILE (--session-id|--resume) UUID …`, with
 *   NUMBERED_LOG        its own log, one number a line, synced (default `$CLAUDE_CONFIG_DIR/numbered.log`)
 *   NUMBERED_DELAY_MS   pause between two numbers (default 50)
 *   NUMBERED_ASK_EVERY  asks a permission at each K-th number (default 0: never)
 *   NUMBERED_UNTIL      counts on by itself up to this number (default 0: only as prompts say)
 * A prompt that holds `count N` makes it write N more numbers; any other prompt makes it write one.
 * A number is in the transcript before it is in the log; a number only in the transcript is taken over at the next start.
 */
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync, truncateSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'

// The compiled product was told by this to be a plain bun; its daemon, which the hooks call, must not be one.
delete process.env['BUN_BE_BUN']
const args = process.argv.slice(2)
const valueOf = (flag: string): string | null => { const at = args.indexOf(flag); return at < 0 ? null : (args[at + 1] ?? null) }
const env = (name: string, otherwise: string): string => process.env[name] ?? otherwise
const resumed = args.includes('--resume')
const sessionId = valueOf('--resume') ?? valueOf('--session-id') ?? randomUUID()
const configDir = env('CLAUDE_CONFIG_DIR', join(env('HOME', '/tmp'), '.claude'))
const cwd = process.cwd()
const transcriptPath = join(configDir, 'projects', cwd.replaceAll(/[/._ ]/g, '-'), `${sessionId}.jsonl`)
const logPath = env('NUMBERED_LOG', join(configDir, 'numbered.log'))
const delayMs = Number(env('NUMBERED_DELAY_MS', '50'))
const askEvery = Number(env('NUMBERED_ASK_EVERY', '0'))
const until = Number(env('NUMBERED_UNTIL', '0'))

interface Hook { command: string }
const settings = JSON.parse(readFileSync(valueOf('--settings') ?? '/dev/null', 'utf8') || '{}') as { hooks?: Record<string, { hooks: Hook[] }[]> }

/** Runs the hooks of an event as the real program does: payload on stdin, answer on stdout. */
async function hook(event: string, payload: Record<string, unknown> = {}): Promise<Record<string, unknown>> {
  let answer: Record<string, unknown> = {}
  for (const { command } of (settings.hooks?.[event] ?? []).flatMap((entry) => entry.hooks)) {
    const child = spawn('/bin/sh', ['-c', command], { stdio: ['pipe', 'pipe', 'ignore'] })
    child.stdin.end(JSON.stringify({ session_id: sessionId, transcript_path: transcriptPath, cwd, hook_event_name: event, ...payload }))
    let out = ''
    child.stdout.on('data', (chunk: Buffer) => { out += chunk.toString() })
    await new Promise((resolve) => { child.once('close', resolve) })
    try { answer = JSON.parse(out) as Record<string, unknown> } catch { /* no opinion */ }
  }
  return answer
}

/** A line cut short by a kill would glue itself to the next one: it is taken off first. */
function openForAppend(path: string): number {
  mkdirSync(dirname(path), { recursive: true })
  if (existsSync(path)) {
    const text = readFileSync(path)
    truncateSync(path, text.lastIndexOf(10) + 1)
  }
  return openSync(path, 'a')
}
const transcript = openForAppend(transcriptPath)
const log = openForAppend(logPath)
const appendSynced = (file: number, line: string): void => { writeSync(file, `${line}\n`); fsyncSync(file) }
const line = (type: 'user' | 'assistant', content: unknown, uuid: string = randomUUID()): void => {
  appendSynced(transcript, JSON.stringify({ type, uuid, sessionId, cwd, timestamp: new Date().toISOString(), message: { role: type, content } }))
}

const written = [...readFileSync(transcriptPath, 'utf8').matchAll(/"text":"number (\d+)"/g)].map((match) => Number(match[1]))
const logged = readFileSync(logPath, 'utf8').split('\n').filter((text) => text !== '').map(Number)
let next = Math.max(0, ...written, ...logged) + 1
for (let number = (logged.at(-1) ?? 0) + 1; number < next; number++) appendSynced(log, String(number))

async function countOne(): Promise<void> {
  const number = next
  if (askEvery > 0 && number % askEvery === 0 && !(await permitted(number))) line('assistant', [{ type: 'text', text: `denied at ${number}` }])
  line('assistant', [{ type: 'text', text: `number ${number}` }])
  appendSynced(log, String(number))
  next += 1
  process.stdout.write(`number ${number}\r\n`)
}
async function permitted(number: number): Promise<boolean> {
  const call = { tool_name: 'Bash', tool_input: { command: `echo ${number}` }, tool_use_id: `toolu_${randomUUID()}` }
  line('assistant', [{ type: 'tool_use', id: call.tool_use_id, name: call.tool_name, input: call.tool_input }])
  await hook('PreToolUse', call)
  const answer = await hook('PermissionRequest', { tool_name: call.tool_name, tool_input: call.tool_input, permission_suggestions: [] })
  const output = answer['hookSpecificOutput'] as { decision?: { behavior?: string } } | undefined
  const allowed = output?.decision?.behavior === 'allow'
  line('user', [{ type: 'tool_result', tool_use_id: call.tool_use_id, is_error: !allowed, content: allowed ? String(number) : 'The tool use was rejected' }])
  return allowed
}

const prompts: string[] = []
let wakeUp = (): void => {}
async function turn(prompt: string, numbers: number): Promise<void> {
  await hook('UserPromptSubmit', { prompt })
  line('user', prompt)
  for (let at = 0; at < numbers; at++) { await countOne(); await Bun.sleep(delayMs) }
  await hook('Stop', { last_assistant_message: `number ${next - 1}`, background_tasks: [] })
}

// Bracketed paste, as the real program asks for it: what is between the brackets is text, Enter outside of them sends.
process.stdin.setRawMode?.(true)
process.stdout.write('\u001b[?2004h')
let typed = ''
process.stdin.on('data', (chunk: Buffer) => {
  typed += chunk.toString()
  const pasted = typed.replaceAll('\u001b[200~', '').replaceAll('\u001b[201~', '')
  if (!pasted.endsWith('\r')) return
  typed = ''
  const text = pasted.replaceAll('\r', '\n').trim()
  if (text !== '') { prompts.push(text); wakeUp() }
})

await hook('SessionStart', { source: resumed ? 'resume' : 'startup' })
if (next <= until) await turn(`count ${until - next + 1}`, until - next + 1)
for (;;) {
  const prompt = prompts.shift()
  if (prompt === undefined) { await new Promise<void>((resolve) => { wakeUp = resolve }); continue }
  if (prompt === '/exit') break
  await turn(prompt, Number(/count (\d+)/.exec(prompt)?.[1] ?? 1))
}
await hook('SessionEnd', { reason: 'prompt_input_exit' })
closeSync(transcript)
closeSync(log)
process.exit(0)
