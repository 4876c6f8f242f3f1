/**
 * Codex, shared: its app server runs the conversation, its own screen in the agent's terminal and this daemon are two
 * clients of it. Whoever answers or speaks first is seen by the other at once; all of it outlives the daemon.
 */
import { join } from 'node:path'
import type { ApprovalMode, Decision } from '@berth/wire'
import type { CreateDriver, DriverDeps } from '../../../contracts.ts'
import { extraArguments, programWords } from '../command-line.ts'
import type { Ear, Voice } from '../conversation/contracts.ts'
import { codexMcpConfig, mcpServers } from '../mcp-servers.ts'
import { createSpokenDriver } from '../conversation/driver.ts'
import { createScreen, lastWords } from '../screen.ts'
import type { Ask } from './asks.ts'
import { connectCodex, type CodexLink } from './link.ts'
import { keepLogin } from './keep-login.ts'
import { Account, Initialized, type Turn } from './messages.ts'
import { createCodexTalk } from './talk.ts'
import { openCodexThread } from './thread.ts'

const SOCKET = '.codex-berth.sock'
const REJOIN_MS = 500
const NO_LOGIN = 'codex has no login here: sign in with `berth sign-in`, on the page, or at its screen (`berth attach`), or make a new workspace with `berth up --agent codex --env OPENAI_API_KEY`'
/** The machine is the sandbox: Codex's own would be a second one, which many machines do not allow. `auto` is its own mode, as it is configured. */
const MODES: Record<ApprovalMode, { readonly approvalPolicy?: string; readonly sandbox?: string }> = {
  ask: { approvalPolicy: 'untrusted', sandbox: 'danger-full-access' },
  auto: {},
  skip: { approvalPolicy: 'never', sandbox: 'danger-full-access' },
}

export const createCodexDriver: CreateDriver = (deps) => createSpokenDriver(deps, (ear) => createCodexVoice(deps, ear))

function createCodexVoice(deps: DriverDeps, ear: Ear): Voice {
  const { context: { boot, log }, assignment: { agent }, terminals, session: place } = deps
  const env = deps.asAgent.environment(deps.assignment.env)
  const [path, words] = [join(boot.homeDir, place.named(SOCKET)), codexWords(deps, env)]
  const over = new AbortController()
  let link: CodexLink | null = null
  let life = 0
  let thread = ''
  let model: string | null = null
  let resumed = false
  let version: string | null = null
  const talk = createCodexTalk({ ear, threadId: () => thread, workDir: boot.workDir, model: () => model })
  const screen = createScreen({ terminals, session: place, log })

  const ask = (method: string, params: unknown): Promise<unknown> => (link === null ? Promise.reject(new Error('codex is not connected')) : link.request(method, params))
  const startServer = async (): Promise<void> => {
    for (const terminalId of [place.agentTerminal, place.serverTerminal]) await (await terminals.get(terminalId))?.kill()
    await deps.asAgent.run(['rm', '-f', '--', path], {})
    await terminals.open({ terminalId: place.serverTerminal, title: 'codex server', argv: [...words, 'app-server', '--listen', `unix://${path}`], cwd: boot.workDir, env })
  }
  const openThread = async (): Promise<Turn[]> => {
    const opened = await openCodexThread({ ask, ear, talk, log }, { settings: { cwd: boot.workDir, ...MODES[agent.approvalMode], config: codexMcpConfig(mcpServers(deps), env) }, name: deps.assignment.name })
    ;({ resumed, thread, model } = opened)
    return opened.turns
  }
  const leave = (): void => {
    over.abort()
    login.close()
    screen.close()
    link?.close()
  }
  const login = keepLogin(deps, () => ask('account/read', { refreshToken: true }))
  const ready = (): void => { ear.ready({ resumed, agentVersion: version }) }
  /** The connection was lost in that life: its terminal tells whether it has ended; if not, it is joined again. */
  const rejoinLater = (of: number): void => {
    void Bun.sleep(REJOIN_MS).then(async () => {
      if (over.signal.aborted || of !== life || (await lastWords(deps)) !== null) return
      await rejoin().catch((error: unknown) => {
        log(`codex: ${String(error)}`)
        rejoinLater(of)
      })
    })
  }
  const rejoin = async (): Promise<void> => {
    const mine = life
    link?.close()
    link = await connectCodex(path, boot.agentUser?.uid ?? null, {
      said(method, params, id) {
        if (method === 'account/updated') void signedIn(ask, env).then((yes) => { if (yes) ready() }, () => { /* it goes on as it was */ })
        talk.said(method, params, id)
      },
      closed: () => { if (mine === life) rejoinLater(mine) },
    }, () => lastWords(deps))
    const { userAgent } = Initialized.parse(await ask('initialize', { clientInfo: { name: 'berth', title: 'Berth', version: '1' }, capabilities: { experimentalApi: true } }))
    version = /\/(\d+\.\d+\.\d+)/.exec(userAgent)?.[1] ?? null
    link.note('initialized')
    const welcome = await signedIn(ask, env)
    talk.catchUp(await openThread())
    if (welcome) ready()
    else ear.noLogin(NO_LOGIN)
  }

  return {
    driver: 'codex-shared', steers: true, saysWhy: false, tellsOnce: true,
    lives: async () => (await lastWords(deps)) === null,
    async open({ adopt }) {
      life += 1
      await login.apart(async () => {
        if (!adopt) await startServer()
        await rejoin()
      })
      login.watch()
      await screen.show({ title: 'codex', argv: [...words, 'resume', thread, '--remote', `unix://${path}`], cwd: boot.workDir, env })
      screen.watch(place.serverTerminal, (code) => { ear.ended({ code: code === 0 ? null : code, why: 'its server ended' }) })
    },
    prompt({ promptId, text }) {
      if (talk.hasPrompt(promptId)) { ear.took(promptId, text); return }
      ask('turn/start', { threadId: thread, clientUserMessageId: promptId, input: [{ type: 'text', text, text_elements: [] }] })
        .catch((error: unknown) => { ear.refused(promptId, error instanceof Error ? error.message.slice(0, 300) : 'codex did not take it') })
    },
    interrupt() { if (talk.turn !== null) ask('turn/interrupt', { threadId: thread, turnId: talk.turn }).catch((error: unknown) => { log(`codex: ${String(error)}`) }) },
    answer({ requestId }, decision) {
      const asked = talk.ask(requestId)
      if (asked === null) return
      asked.behavior = decision.behavior
      link?.reply(asked.rpcId, replyOf(asked, decision))
    },
    async end() {
      leave()
      for (const terminalId of [place.agentTerminal, place.serverTerminal]) await (await terminals.get(terminalId))?.kill()
    },
    release() {
      leave()
      return Promise.resolve()
    },
  }
}

function replyOf({ question: asked, elicited }: Ask, { behavior, scope, updatedInput }: Decision): unknown {
  if (elicited) return { action: behavior === 'deny' ? 'decline' : 'accept', content: behavior === 'deny' ? null : {}, _meta: behavior === 'allow' && scope === 'session' ? { persist: 'session' } : null }
  if (asked === null) return { decision: behavior === 'deny' ? 'decline' : scope === 'session' ? 'acceptForSession' : 'accept' }
  return { answers: Object.fromEntries(asked.questions.map(({ id, question }) => [id, { answers: answersTo(question, updatedInput) }])) }
}
function answersTo(question: string, input: Record<string, unknown> | undefined): string[] {
  const answers = input?.['answers']
  const given = typeof answers === 'object' && answers !== null ? (answers as Readonly<Record<string, unknown>>)[question] : undefined
  return Array.isArray(given) ? given.map(String) : typeof given === 'string' ? [given] : []
}

/** Whether somebody is, after we did what a person's own choice allows. */
async function signedIn(ask: (method: string, params: unknown) => Promise<unknown>, env: Readonly<Record<string, string>>): Promise<boolean> {
  const state = Account.parse(await ask('account/read', {}))
  if (!state.requiresOpenaiAuth || state.account !== null) return true
  const apiKey = env['CODEX_API_KEY'] || env['OPENAI_API_KEY']
  if (apiKey === undefined || apiKey === '') return false
  // A person put the key into this workspace; the program keeps it in its home, as after a login by hand.
  await ask('account/login/start', { type: 'apiKey', apiKey })
  return true
}

/** The program with what every part of it is told. An address with a password in it stays out of argv. */
function codexWords(deps: DriverDeps, env: Readonly<Record<string, string>>): string[] {
  const base = env['OPENAI_BASE_URL'] ?? ''
  return [
    ...programWords(deps, 'codex'),
    '-c', 'check_for_update_on_startup=false', '-c', `projects={${JSON.stringify(deps.context.boot.workDir)}={trust_level="trusted"}}`,
    ...(base === '' || base.includes('@') ? [] : ['-c', `openai_base_url=${JSON.stringify(base)}`]), ...extraArguments(deps.assignment.agent.command, 'kept'),
  ]
}
