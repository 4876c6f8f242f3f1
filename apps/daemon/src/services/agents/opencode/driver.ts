/**
 * opencode, shared: its own server runs the conversation, its own screen in the agent's terminal and this daemon are
 * two clients of it. Whoever answers or speaks first is seen by the other at once; all of it outlives the daemon.
 */
import { randomBytes } from 'node:crypto'
import { BerthError } from '@berth/wire'
import { z } from 'zod'
import type { CreateDriver, DriverDeps } from '../../../contracts.ts'
import { OPENCODE_CONFIG } from '../../gateway/opencode-models.ts'
import { programWords } from '../command-line.ts'
import type { Ear, Voice } from '../conversation/contracts.ts'
import { mcpServers, opencodeMcpEnvironment } from '../mcp-servers.ts'
import { createSpokenDriver } from '../conversation/driver.ts'
import { createScreen, lastWords } from '../screen.ts'
import { createOpencodeServer, freePort, serverReady, type Address, type OpencodeServer } from './server.ts'
import { createOpencodeTalk, passOver, promptOf } from './talk.ts'
import { answersOf } from './tools.ts'

/** Of what the daemon journals of a session. The address holds a secret and is in no event. */
const RENEWED_WITHIN_MS = 15_000
const RENEWAL_LOOK_MS = 250
const ADDRESS = 'opencode-address'
const SESSION = 'opencode-session'
const messageName = (promptId: string): string => `opencode-message.${promptId}`
const HISTORY = 100
const Session = z.looseObject({ id: z.string() })
const KeptAddress = z.object({ port: z.number(), password: z.string() })

export const createOpencodeDriver: CreateDriver = (deps) => createSpokenDriver(deps, (ear) => createOpencodeVoice(deps, ear))

function createOpencodeVoice(deps: DriverDeps, ear: Ear): Voice {
  const { context: { boot, journal, log }, assignment: { agent }, terminals, session: place } = deps
  const program = programWords(deps, 'opencode')
  const over = new AbortController()
  let listening = new AbortController()
  let server: OpencodeServer | null = null
  let session = ''
  const talk = createOpencodeTalk({ ear, sessionId: () => session, workDir: boot.workDir })
  const screen = createScreen({ terminals, session: place, log })

  const post = (path: string, body: unknown): void => { void server?.post(path, body).catch((error: unknown) => { log(`opencode: ${String(error)}`) }) }
  const startServer = async (): Promise<Address> => {
    if ((agent.command ?? '').trim() !== '') throw new BerthError('config_invalid', 'opencode takes no extra arguments here', { hint: 'say it in opencode.json of the repository, such as {"model": "…"}' })
    for (const terminalId of [place.agentTerminal, place.serverTerminal]) await (await terminals.get(terminalId))?.kill()
    const address = { port: await freePort(), password: randomBytes(24).toString('base64url') }
    ear.remember(ADDRESS, JSON.stringify(address))
    const env = deps.asAgent.environment({ ...environment(deps), OPENCODE_SERVER_PASSWORD: address.password })
    await terminals.open({ terminalId: place.serverTerminal, title: 'opencode server', argv: [...program, 'serve', '--hostname', '127.0.0.1', '--port', String(address.port)], cwd: boot.workDir, env })
    return address
  }
  const openSession = async (to: OpencodeServer): Promise<boolean> => {
    const known = ear.recall(SESSION)
    if (known !== null && (await to.find(`/session/${known}`)) !== null) { session = known; return true }
    const origin = known === null ? ear.recallOrigin(SESSION) : null
    session = Session.parse(await (origin === null ? to.post('/session', { permission: permissions(agent.approvalMode) }) : to.post(`/session/${origin}/fork`, {}))).id
    // What was said in the other session is told there.
    if (origin !== null) passOver(ear, await to.get(`/session/${session}/message?limit=${HISTORY}`))
    ear.remember(SESSION, session)
    return origin !== null
  }
  /** It renews its login as it asks the model: the next session's words wait until that is done. */
  const apart = async (work: () => Promise<void>): Promise<void> => {
    const { renewals } = deps
    if (renewals === undefined) return work()
    return renewals.alone('opencode', 0, async () => {
      const wasDue = renewals.isDue('opencode', 0)
      await work()
      for (const until = Date.now() + RENEWED_WITHIN_MS; wasDue && renewals.isDue('opencode', 0) && Date.now() < until && !over.signal.aborted;) await Bun.sleep(RENEWAL_LOOK_MS)
    })
  }
  const catchUp = async (from: OpencodeServer): Promise<void> => {
    const [history, permissionList, questions, status] = await Promise.all([from.get(`/session/${session}/message?limit=${HISTORY}`), from.get('/permission'), from.get('/question'), from.get('/session/status')])
    talk.catchUp({ history, permissions: permissionList, questions, status })
  }
  const tell = async ({ promptId, text }: { promptId: string; text: string }): Promise<void> => {
    const known = ear.recall(messageName(promptId))
    if (known !== null && (await server?.find(`/session/${session}/message/${known}`)) !== null) return
    const messageID = known ?? newMessageId()
    journal.transaction(() => {
      ear.remember(messageName(promptId), messageID)
      ear.remember(promptOf(messageID), promptId)
    })
    await server?.post(`/session/${session}/prompt_async`, { messageID, parts: [{ type: 'text', text }] })
  }

  return {
    driver: 'opencode-shared', steers: true, saysWhy: true, tellsOnce: true,
    lives: async () => (await lastWords(deps)) === null,
    async open({ adopt }, signal) {
      listening.abort()
      listening = new AbortController()
      const address = adopt ? KeptAddress.parse(JSON.parse(ear.recall(ADDRESS) ?? 'null')) : await startServer()
      journal.mask([address.password])
      deps.reservePort?.(address.port)
      await serverReady(address, deps, signal)
      const made = createOpencodeServer(address)
      server = made
      const resumed = await openSession(made)
      const health = z.looseObject({ version: z.string() }).safeParse(await made.get('/global/health'))
      const first = Promise.withResolvers<void>()
      void made.follow({
        connected: async () => { await catchUp(made); first.resolve() },
        event: (value) => { talk.event(value) },
      }, AbortSignal.any([over.signal, listening.signal]))
      await first.promise
      ear.ready({ resumed, agentVersion: health.success ? health.data.version : null })
      const env = deps.asAgent.environment({ ...environment(deps), OPENCODE_SERVER_PASSWORD: address.password })
      await screen.show({ title: 'opencode', argv: [...program, 'attach', `http://127.0.0.1:${address.port}`, '--session', session], cwd: boot.workDir, env })
      screen.watch(place.serverTerminal, (code) => { listening.abort(); ear.ended({ code: code === 0 ? null : code, why: 'its server ended' }) })
    },
    prompt(prompt) { void apart(() => tell(prompt)).catch((error: unknown) => { ear.refused(prompt.promptId, error instanceof Error ? error.message.slice(0, 300) : 'opencode did not take it') }) },
    interrupt() { post(`/session/${session}/abort`, {}) },
    answer({ requestId }, decision) {
      const question = talk.question(requestId)
      if (question === null) post(`/permission/${requestId}/reply`, { reply: decision.behavior === 'deny' ? 'reject' : decision.scope === 'session' ? 'always' : 'once', ...(decision.message === undefined ? {} : { message: decision.message }) })
      else if (decision.behavior === 'deny') post(`/question/${requestId}/reject`, {})
      else post(`/question/${requestId}/reply`, { answers: answersOf(question, decision.updatedInput ?? {}) })
    },
    async end() {
      over.abort()
      screen.close()
      for (const terminalId of [place.agentTerminal, place.serverTerminal]) await (await terminals.get(terminalId))?.kill()
    },
    release() {
      over.abort()
      screen.close()
      return Promise.resolve()
    },
  }
}

const environment = (deps: DriverDeps): Record<string, string> => ({ OPENCODE_DISABLE_AUTOUPDATE: '1', OPENCODE_ENABLE_QUESTION_TOOL: '1', OPENCODE_DISABLE_TERMINAL_TITLE: '1', ...deps.assignment.env, ...configuration(deps) })
/** Beside a person's own: where its models are, and its MCP servers. */
function configuration(deps: DriverDeps): Record<string, string> {
  const { [OPENCODE_CONFIG]: models } = deps.asAgent.environment()
  const given = models === undefined ? {} : { [OPENCODE_CONFIG]: models }
  return { ...given, ...opencodeMcpEnvironment(mcpServers(deps), { ...deps.assignment.env, ...given }) }
}
/** Of our session alone; what a person configured for opencode stays as it is. */
const permissions = (mode: string): { permission: string; pattern: string; action: string }[] =>
  mode === 'ask' ? ['edit', 'bash', 'webfetch'].map((permission) => ({ permission, pattern: '*', action: 'ask' })) : mode === 'skip' ? [{ permission: '*', pattern: '*', action: 'allow' }] : []

const LETTERS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
/** As opencode makes its own: they sort by time, and it depends on that. */
function newMessageId(now = Date.now()): string {
  const time = (BigInt(now) * 0x1000n + 1n) & 0xffffffffffffn
  return `msg_${time.toString(16).padStart(12, '0')}${[...randomBytes(14)].map((byte) => LETTERS[byte % LETTERS.length]).join('')}`
}
