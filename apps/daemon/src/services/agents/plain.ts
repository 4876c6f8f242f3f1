/** Any command in a terminal. Nobody can ask it what it does: alive or not, and when it last wrote, is all there is. */
import type { AgentState, PromptId } from '@berth/wire'
import { BerthError } from '@berth/wire'
import type { AsAgent, CreateDriver, Terminal, TerminalViewer } from '../../contracts.ts'
import { pasteable } from './prompt-text.ts'
import { createRestarts } from './restarts.ts'

const LOOK_MS = 1000
/** A program that writes is at work; one that is silent so long waits for somebody. */
const QUIET_MS = 5000
const ENTER_AFTER_MS = 250
const QUEUE_LIMIT = 200

/** Through the shell where there is one; else split at white space. */
async function argvOf(asAgent: AsAgent, command: string): Promise<string[]> {
  const shell = await asAgent.run(['/bin/sh', '-c', ':'], {}).catch(() => null)
  return shell?.exitCode === 0 ? ['/bin/sh', '-c', command] : command.trim().split(/\s+/)
}

export const createPlainDriver: CreateDriver = (deps) => {
  const { context: { journal, boot, signal: daemonSignal }, assignment, terminals } = deps
  const { sessionId, command } = assignment.agent
  const restarts = createRestarts(Date.now)
  let terminal: Terminal | null = null
  let watcher: TerminalViewer | null = null
  let outputAt: number | null = null
  let shown: AgentState = 'none'
  let timer: Timer | undefined
  let over = false
  const queue: { promptId: PromptId; text: string }[] = []
  let pasting: Promise<unknown> = Promise.resolve()

  const show = (state: AgentState, detail: string | null = null): void => {
    if (state === shown) return
    shown = state
    journal.append({ type: 'session.state', sessionId, state, detail })
    deps.changed()
  }
  const launch = async (): Promise<void> => {
    if (command === null || command.trim() === '') throw new BerthError('config_invalid', 'no command was given to run', { hint: 'use `--command`' })
    const opened = await terminals.open({ terminalId: deps.session.agentTerminal, title: command.slice(0, 60), argv: await argvOf(deps.asAgent, command), cwd: boot.workDir, env: deps.asAgent.environment(assignment.env) })
    terminal = opened.terminal
    watcher = await terminal.attach({ cols: 80, rows: 24, mode: 'watch', own: true, onBytes: () => { outputAt = Date.now() }, onExit: () => { schedule(0) } })
    if (!opened.adopted) journal.append({ type: 'session.started', sessionId, agent: 'plain', driver: 'plain', resumed: false, agentVersion: null })
    outputAt = Date.now()
  }
  const deliver = async (prompt: { promptId: PromptId; text: string }): Promise<void> => {
    const text = pasteable(prompt.text)
    journal.transaction(() => {
      journal.set(`prompt.${prompt.promptId}`, 'sent')
      journal.append({ type: 'prompt', ...prompt, text: text.slice(0, 16_384), sessionId, status: 'sent', detail: null }, { key: `prompt.${prompt.promptId}.sent` })
    })
    await terminal?.paste(text)
    await Bun.sleep(ENTER_AFTER_MS)
    await terminal?.key('Enter')
    journal.transaction(() => {
      journal.set(`prompt.${prompt.promptId}`, 'accepted')
      journal.append({ type: 'prompt', ...prompt, text: text.slice(0, 16_384), sessionId, status: 'accepted', detail: 'pasted; a plain command cannot confirm it' }, { key: `prompt.${prompt.promptId}.accepted` })
    })
  }
  const look = async (): Promise<void> => {
    const exit = await terminal?.exited() ?? null
    if (exit === null) { show(Date.now() - (outputAt ?? 0) < QUIET_MS ? 'busy' : 'idle'); return }
    await watcher?.detach()
    watcher = null
    if (exit.code === 0) { show('exited', 'the command ended'); return }
    const waitMs = restarts.next()
    if (waitMs === null) { show('error', `the command ended again and again (last exit code ${exit.code ?? 'unknown'})`); return }
    show('starting', `the command ended with exit code ${exit.code ?? 'unknown'}; starting it again`)
    await Bun.sleep(waitMs)
    if (over) return
    await terminal?.kill()
    await launch()
  }
  const failed = (error: unknown): void => { show('error', error instanceof Error ? error.message : String(error)) }
  const schedule = (inMs: number): void => {
    clearTimeout(timer)
    if (over || daemonSignal.aborted) return
    timer = setTimeout(() => {
      void look().catch(failed).finally(() => { if (shown !== 'exited' && shown !== 'error') schedule(LOOK_MS) })
    }, inMs)
  }

  return {
    name: 'plain', sessionId, state: () => shown,
    async start(signal) {
      signal.throwIfAborted()
      show('starting')
      await launch().catch(failed)
      for (const prompt of queue.splice(0)) pasting = pasting.then(() => deliver(prompt))
      if (shown !== 'error') schedule(0)
    },
    async prompt(prompt) {
      const known = journal.get(`prompt.${prompt.promptId}`)
      if (known === 'accepted') return { status: 'accepted', detail: null }
      if (known === 'sent') return { status: 'ambiguous', detail: 'it was being pasted when the daemon ended' }
      if (pasteable(prompt.text) === '') return { status: 'refused', detail: 'nothing to send' }
      if (terminal === null) {
        if (queue.length >= QUEUE_LIMIT) return { status: 'refused', detail: 'too many messages wait already' }
        if (!queue.some((queued) => queued.promptId === prompt.promptId)) queue.push(prompt)
        return { status: 'held', detail: 'the command is not started yet' }
      }
      if (shown === 'exited' || shown === 'error') return { status: 'refused', detail: 'the command is not running' }
      const delivery = pasting.then(() => deliver(prompt))
      pasting = delivery.catch(() => {})
      await delivery
      return { status: 'accepted', detail: null }
    },
    async interrupt() {
      if (terminal === null || shown !== 'busy') return { interrupted: false }
      await terminal.key('C-c')
      return { interrupted: true }
    },
    decide: () => Promise.resolve({ status: 'unknown' }),
    activity: () => ({ agent: shown, turnProgressAgeMs: shown === 'busy' ? Date.now() - (outputAt ?? Date.now()) : null, backgroundTasks: 0, waitingSinceAgeMs: null }),
    async stop() { over = true; clearTimeout(timer); await watcher?.detach(); await terminal?.kill(); show('exited', 'stopped') },
    async release() { over = true; clearTimeout(timer); await watcher?.detach() },
  }
}
