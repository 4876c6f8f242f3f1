/** From the first word to an open session: who speaks, signing in, a new conversation or the one of before. */
import { VERSION } from '@berth/wire/version'
import type { ProtocolDeps } from '../relay/voice.ts'
import { ACP_VERSION, AUTH_REQUIRED, Initialized, SessionOpened, type Message } from './messages.ts'

export interface AcpOptions {
  readonly workDir: string
  /** Said when the agent wants a login. */
  readonly loginHint: string
  /** The agent's way to sign in with what its environment has; null: a person has to. */
  readonly authMethod: string | null
  /** As `session/new` takes them. */
  readonly mcpServers: readonly unknown[]
}
interface Ready { readonly sessionId: string; readonly resumed: boolean; readonly agentVersion: string | null }
export interface AcpOpening {
  readonly ready: Ready | null
  /** History that comes again was journaled when it happened. */
  readonly replaying: boolean
  begin(): void
  /** False: the answer belongs to something else. */
  answered(id: string, message: Message): boolean
  told(method: string): void
  /** An update came: history, as long as that is what comes. */
  updated(): void
  restore(ready: Ready): void
}
/** No history for so long: there is no more. */
const QUIET_MS = 400
/** Of what the daemon journals. */
export const SESSION = 'acp-session'

export function createAcpOpening({ ear, tell }: ProtocolDeps, options: AcpOptions): AcpOpening {
  let ready: Ready | null = null
  let agentVersion: string | null = null
  let again: 'load' | 'resume' | null = null
  let replaying = false
  let quiet: Timer | undefined
  const place = { cwd: options.workDir, mcpServers: options.mcpServers }
  const request = (id: string, method: string, params: unknown): void => { tell(id, { jsonrpc: '2.0', id, method, params }) }

  const open = (suffix: '' | '-again'): void => {
    const known = ear.recall(SESSION)
    if (known !== null && again !== null) request(`session-${again}${suffix}`, `session/${again}`, { sessionId: known, ...place })
    else request(`session-new${suffix}`, 'session/new', place)
  }
  const initialized = (message: Message): void => {
    const init = Initialized.safeParse(message.result)
    if (message.error !== undefined || !init.success) { ear.unusable(`the command does not speak the Agent Client Protocol: ${message.error?.message ?? 'its first answer has another form'}`); return }
    agentVersion = init.data.agentInfo?.version ?? null
    const capabilities = init.data.agentCapabilities
    const resumes = capabilities?.sessionCapabilities?.['resume'] ?? null
    again = resumes !== null ? 'resume' : capabilities?.loadSession === true ? 'load' : null
    open('')
  }
  const refused = (id: string, error: NonNullable<Message['error']>): void => {
    if (error.code === AUTH_REQUIRED && options.authMethod !== null && !id.endsWith('-again')) request('authenticate', 'authenticate', { methodId: options.authMethod })
    else if (error.code === AUTH_REQUIRED) ear.noLogin(options.loginHint)
    else if (!id.startsWith('session-new')) {
      ear.notice(`the agent could not go back to its conversation and begins a new one: ${error.message.slice(0, 200)} ${JSON.stringify(error.data ?? '').slice(0, 300)}`)
      request('session-new-instead', 'session/new', place)
    }
    else ear.unusable(`the agent opened no session: ${error.message.slice(0, 500)}`)
  }
  const opened = (id: string, message: Message): void => {
    replaying = replaying && message.error === undefined
    if (message.error !== undefined) { refused(id, message.error); return }
    const answer = SessionOpened.safeParse(message.result ?? {})
    const sessionId = (answer.success ? answer.data.sessionId : undefined) ?? ear.recall(SESSION)
    if (sessionId === null) { ear.unusable('the agent gave its session no name'); return }
    ear.remember(SESSION, sessionId)
    ready = { sessionId, resumed: !id.startsWith('session-new'), agentVersion }
    if (replaying) goOnWhenQuiet()
    else ear.ready(ready)
  }
  /** Some agents answer first and tell their history then. */
  const goOnWhenQuiet = (): void => {
    clearTimeout(quiet)
    quiet = setTimeout(() => {
      replaying = false
      if (ready !== null) ear.ready(ready)
    }, QUIET_MS)
  }
  return {
    get ready() { return ready },
    get replaying() { return replaying },
    begin() {
      if (ready !== null) ear.ready(ready)
      else request('initialize', 'initialize', { protocolVersion: ACP_VERSION, clientCapabilities: { fs: { readTextFile: false, writeTextFile: false }, terminal: false }, clientInfo: { name: 'berth', title: 'Berth', version: VERSION } })
    },
    answered(id, message) {
      if (id === 'initialize') initialized(message)
      else if (id === 'authenticate' && message.error !== undefined) ear.noLogin(`${options.loginHint} (${message.error.message.slice(0, 300)})`)
      else if (id === 'authenticate') open('-again')
      else if (id.startsWith('session-')) opened(id, message)
      else return false
      return true
    },
    told(method) {
      if (method === 'session/load') replaying = true
      if (method !== 'session/prompt') return
      clearTimeout(quiet)
      replaying = false
    },
    updated() { if (replaying && ready !== null) goOnWhenQuiet() },
    restore(kept) { ready = kept },
  }
}
