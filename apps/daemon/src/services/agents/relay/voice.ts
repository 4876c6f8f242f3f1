/** The voice of an agent that speaks over its standard input and output, kept by the relay in the agent's terminal. */
import { join } from 'node:path'
import type { Decision, PromptId } from '@berth/wire'
import type { DriverDeps, Terminal } from '../../../contracts.ts'
import { selfCommand } from '../../../self.ts'
import type { ApprovalRecord } from '../approval-book.ts'
import type { Ear, Voice } from '../conversation/contracts.ts'
import { openRelayDoor, type RelayDoor, type RelayEvents } from './door.ts'

/** Of what the daemon journals of a session. */
const KEPT = 'relay'
const UNTOLD_LIMIT = 1000
const TERMINAL_LOOK_MS = 1000

/**
 * What is made of the lines. It is fed with every line told and said, also again after the daemon was away, and comes
 * to the same each time; so it may have no other source of truth than them.
 */
export interface Protocol {
  /** The first words; those told already are not told again. */
  begin(): void
  heard(line: { by: 'agent' | 'us'; key: string | null; line: string; n: number }): void
  prompt(prompt: { promptId: PromptId; text: string }): void
  interrupt(): void
  answer(asked: Pick<ApprovalRecord, 'requestId'>, decision: Decision): void
  /** What it must know to go on without the lines so far; null: it needs them. */
  summary(): string | null
  restore(summary: string): void
}
export interface ProtocolDeps { readonly ear: Ear; readonly run: string; tell(key: string, message: unknown): void }
export interface StdioAgent {
  readonly driver: string
  readonly title: string
  readonly steers: boolean
  readonly saysWhy: boolean
  /** The words that start it, and what it needs in its environment. */
  command(): Promise<{ argv: string[]; env: Record<string, string> }>
  speak(deps: ProtocolDeps): Protocol
}

export function createRelayedVoice(deps: DriverDeps, agent: StdioAgent, ear: Ear): Voice {
  const { context: { boot }, terminals, session: { agentTerminal, named } } = deps
  const path = join(boot.runDir, named('relay.sock'))
  const talk = createTalk({ ear, log: deps.context.log, driver: agent.driver })
  const watch = createWatch((code) => { if (!talk.ended) ear.ended({ code: code === 0 ? null : code, why: 'its terminal was closed' }) })

  return {
    driver: agent.driver,
    steers: agent.steers,
    saysWhy: agent.saysWhy,
    tellsOnce: true,
    async lives() {
      const terminal = await terminals.get(agentTerminal)
      return terminal !== null && (await terminal.exited()) === null
    },
    async open({ run, adopt }) {
      talk.begin(run, { adopt, speak: agent.speak })
      await talk.listen(path, boot.agentUser)
      if (!adopt) {
        await (await terminals.get(agentTerminal))?.kill()
        const { argv, env } = await agent.command()
        await terminals.open({ terminalId: agentTerminal, title: agent.title, argv: [...selfCommand('relay'), '--socket', path, '--run', run, '--', ...argv], cwd: boot.workDir, env: deps.asAgent.environment(env) })
      }
      watch.of(await terminals.get(agentTerminal))
    },
    prompt(prompt) { talk.protocol?.prompt(prompt) },
    interrupt() { talk.protocol?.interrupt() },
    answer(asked, decision) { talk.protocol?.answer(asked, decision) },
    show(text) { talk.show(visible(text)) },
    async end() {
      watch.of(null)
      await talk.close()
      await (await terminals.get(agentTerminal))?.kill()
    },
    async release() {
      watch.of(null)
      await talk.close()
    },
  }
}

interface Talk {
  readonly protocol: Protocol | null
  /** The agent said that it ended. */
  readonly ended: boolean
  begin(run: string, life: { adopt: boolean; speak: StdioAgent['speak'] }): void
  listen(path: string, owner: { uid: number; gid: number } | null): Promise<void>
  show(text: string): void
  close(): Promise<void>
}
/** The lines, in order and each once, between the relay and the protocol. */
function createTalk({ ear, log, driver }: { ear: Ear; log: (line: string) => void; driver: string }): Talk {
  let door: RelayDoor | null = null
  let protocol: Protocol | null = null
  let run = ''
  let read = 0
  let ended = false
  /** Not connected: told when the relay is here, which tells each key once. */
  let untold: { key: string; line: string }[] = []
  /** Up to here the lines are of an earlier life of the daemon; null: the protocol has begun. */
  let past: number | null = null
  let here = false

  const tell = (key: string, message: unknown): void => {
    const line = JSON.stringify(message)
    if (door?.say({ say: 'tell', key, line }) !== true) untold = [...untold.filter((one) => one.key !== key), { key, line }].slice(-UNTOLD_LIMIT)
  }
  const beginWhenRead = (): void => {
    if (past === null || read < past) return
    past = null
    protocol?.begin()
  }
  const take = (line: Parameters<Protocol['heard']>[0]): void => {
    if (line.n <= read) return
    if (line.n > read + 1) ear.notice(`${line.n - read - 1} lines of the agent were lost while the daemon was away`)
    read = line.n
    try { protocol?.heard(line) } catch (error) { log(`${driver}: ${String(error)}`) }
    const summary = protocol?.summary() ?? null
    if (summary === null) return
    // What was made of the lines is journaled; the relay need not keep them.
    ear.remember(KEPT, JSON.stringify({ run, n: read, summary }))
    door?.say({ say: 'forget', upTo: read })
  }
  const events: RelayEvents = {
    run: () => run,
    here(to) {
      door?.say({ say: 'after', n: read })
      if (!here) past = to
      here = true
      beginWhenRead()
      for (const one of untold.splice(0)) door?.say({ say: 'tell', ...one })
    },
    said(message) {
      if (message.say === 'line') { take(message); beginWhenRead() }
      if (message.say === 'typed') ear.typed(message.text)
      if (message.say === 'break') ear.pressedBreak()
      if (message.say !== 'ended') return
      ended = true
      door?.say({ say: 'read-the-end' })
      ear.ended({ code: message.code, why: whyOf(message) })
    },
    gone: () => { /* it comes back, or its terminal ends, which is seen there */ },
  }
  return {
    get protocol() { return protocol },
    get ended() { return ended },
    begin(next, { adopt, speak }) {
      ;[run, read, ended, untold, past, here] = [next, 0, false, [], null, false]
      protocol = speak({ ear, run, tell })
      const kept = JSON.parse(ear.recall(KEPT) ?? 'null') as { run: string; n: number; summary: string } | null
      if (!adopt || kept?.run !== run) return
      read = kept.n
      protocol.restore(kept.summary)
    },
    async listen(path, owner) { door ??= await openRelayDoor({ path, owner, events }) },
    show(text) { if (past === null) door?.say({ say: 'show', text }) },
    async close() {
      run = ''
      await door?.close()
      door = null
    },
  }
}

/** Tells when the terminal has ended: nobody else does when the relay itself was killed. */
function createWatch(onEnd: (code: number | null) => void): { of(terminal: Terminal | null): void } {
  let timer: Timer | undefined
  return {
    of(terminal) {
      clearInterval(timer)
      if (terminal === null) return
      const mine = setInterval(() => {
        void terminal.exited().then((exit) => {
          if (exit === null || timer !== mine) return
          clearInterval(mine)
          onEnd(exit.code)
        }).catch(() => { /* looked at again */ })
      }, TERMINAL_LOOK_MS)
      timer = mine
    },
  }
}

const whyOf = ({ code, stderr }: { code: number | null; stderr: string }): string => {
  const last = stderr.split('\n').map((line) => line.trim()).filter((line) => line !== '').slice(-3).join(' ')
  return `exit code ${code ?? 'unknown'}${last === '' ? '' : `: ${last.slice(0, 500)}`}`
}
/** The agent's text cannot drive the terminal of whoever looks, nor turn round or hide what they are to say yes to. */
// eslint-disable-next-line no-control-regex -- they are what this removes
const visible = (text: string): string => text.replaceAll(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2060-\u2069\ufeff]/g, '').replaceAll('\n', '\r\n')
