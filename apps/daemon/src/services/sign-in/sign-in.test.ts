/** Signing in with the agents' own commands: Codex against a sign-in server that is as strict as OAuth is, Claude Code as far as it goes without its maker. */
import { afterEach, expect, setDefaultTimeout, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { AgentKind } from '@berth/wire'
import { programArgv } from '@berth/wire/agents'
import type { BootFile } from '@berth/wire/daemon'
import { openJournal } from '../../journal/journal.ts'
import { createAsAgent } from '../as-agent.ts'
import { openTerminals } from '../terminal/index.ts'
import { createSignIns } from './index.ts'

setDefaultTimeout(60_000)
const TOOLBOX = process.env['BERTH_TOOLBOX'] ?? '/var/tmp/berth-toolbox'
const AGENT = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534, name: 'nobody' } : null
const cleanups: (() => unknown)[] = []
afterEach(async () => { for (const cleanup of cleanups.splice(0).toReversed()) await cleanup() })

function machine(wordsOf?: (agent: AgentKind) => readonly string[] | null) {
  // Codex makes no programs of its own below /tmp.
  const root = mkdtempSync('/var/tmp/berth-sign-in-')
  chmodSync(root, 0o755)
  for (const name of ['home', 'work']) {
    mkdirSync(join(root, name))
    if (AGENT !== null) chownSync(join(root, name), AGENT.uid, AGENT.gid)
  }
  const boot = { stateDir: join(root, 'state'), runDir: join(root, 'run'), workDir: join(root, 'work'), homeDir: join(root, 'home'), agentUser: AGENT, toolboxDir: TOOLBOX } as BootFile
  mkdirSync(boot.stateDir, { mode: 0o700 })
  const journal = openJournal({ path: join(boot.stateDir, 'journal.sqlite') })
  const asAgent = createAsAgent({ boot, machineBoot: 'test', workspaceEnv: () => ({}) })
  const terminals = openTerminals({ stateDir: boot.stateDir, machineBoot: 'test', user: AGENT, log: () => {}, changed: () => {} })
  const signedIn: AgentKind[] = []
  const signIns = createSignIns({ context: { boot, journal, log: () => {} }, asAgent, terminals, signedIn: (agent) => void signedIn.push(agent), ...(wordsOf === undefined ? {} : { wordsOf }) })
  cleanups.push(() => rmSync(root, { recursive: true, force: true }), () => journal.close(), () => terminals.close(), async () => (await terminals.get('sign-in'))?.kill(), () => signIns.close())
  // The handlers take nothing of a signal.
  const none = new AbortController().signal
  const { calls } = signIns
  const until = async (fits: (now: NonNullable<Awaited<ReturnType<typeof look>>>) => boolean) => {
    for (;;) {
      const now = await look()
      if (now !== null && fits(now)) return now
      await Bun.sleep(50)
    }
  }
  const look = () => calls['sign-in.look']({}, none)
  return {
    home: boot.homeDir, signedIn, until,
    begin: (agent: AgentKind) => calls['sign-in.begin']({ agent }, none),
    answer: (text: string) => calls['sign-in.answer']({ text }, none),
    logins: (...agents: AgentKind[]) => calls['logins.list']({ agents }, none),
    journaled: () => journal.after(0, 100).map(({ body }) => body),
  }
}

/** As the maker's: a code for the device, a person who agrees, then tokens for whoever proves that he began. */
function signInServer() {
  const state = { agreed: false, asked: 0, exchanged: 0 }
  const token = (claims: object) => ['{"alg":"none","typ":"JWT"}', JSON.stringify(claims), 'signature'].map((part) => Buffer.from(part).toString('base64url')).join('.')
  const verifier = 'a-verifier-that-is-long-enough-to-be-one-of-those-that-count'
  const challenge = createHash('sha256').update(verifier).digest('base64url')
  const server = Bun.serve({
    port: 0, hostname: '127.0.0.1',
    async fetch(request) {
      const { pathname } = new URL(request.url)
      const text = await request.text()
      if (pathname.endsWith('/deviceauth/usercode')) {
        if ((JSON.parse(text) as { client_id?: string }).client_id === undefined) return new Response('no client', { status: 400 })
        return Response.json({ device_auth_id: 'device-1', user_code: '4X7K-90PQR', interval: '1' })
      }
      if (pathname.endsWith('/deviceauth/token')) {
        state.asked += 1
        const said = JSON.parse(text) as { device_auth_id?: string; user_code?: string }
        if (said.device_auth_id !== 'device-1' || said.user_code !== '4X7K-90PQR') return new Response('wrong device', { status: 400 })
        return state.agreed ? Response.json({ authorization_code: 'the-code', code_challenge: challenge, code_verifier: verifier }) : new Response('pending', { status: 403 })
      }
      if (pathname.endsWith('/oauth/token')) {
        const said = new URLSearchParams(text)
        if (said.get('code') !== 'the-code' || createHash('sha256').update(said.get('code_verifier') ?? '').digest('base64url') !== challenge) return Response.json({ error: 'invalid_grant' }, { status: 400 })
        state.exchanged += 1
        return Response.json({ id_token: token({ email: 'ada@example.com', 'https://api.openai.com/auth': { chatgpt_plan_type: 'plus', chatgpt_account_id: 'account-1' } }), access_token: token({ exp: 4_000_000_000 }), refresh_token: 'refresh-1' })
      }
      return new Response('nothing here', { status: 404 })
    },
  })
  cleanups.push(() => server.stop(true))
  return { url: `http://127.0.0.1:${server.port}`, state }
}

const has = (agent: 'codex' | 'claude'): boolean => existsSync(programArgv(TOOLBOX, agent)[0] ?? '')

test.if(has('codex'))('Codex is signed in by a code that a person types elsewhere', async () => {
  const maker = signInServer()
  const here = machine(() => [...programArgv(TOOLBOX, 'codex'), 'login', '--device-auth', '--experimental_issuer', maker.url])
  expect(await here.logins('codex')).toEqual([{ agent: 'codex', signedIn: false, expiresAt: null }])
  expect((await here.begin('codex')).state).toBe('running')
  const shown = await here.until(({ code, state }) => code !== null || state !== 'running')
  expect(shown).toMatchObject({ agent: 'codex', state: 'running', code: '4X7K-90PQR', wantsAnswer: false })
  // Asked for again, it is the same.
  expect((await here.begin('codex')).code).toBe('4X7K-90PQR')
  maker.state.agreed = true
  expect((await here.until(({ state }) => state !== 'running')).message).toBeNull()
  expect([here.signedIn, maker.state.exchanged, await here.logins('codex')]).toEqual([['codex'], 1, [{ agent: 'codex', signedIn: true, expiresAt: null }]])
  expect(here.journaled()).toContainEqual({ type: 'login', agent: 'codex', state: 'signed-in' })
  expect(JSON.stringify(here.journaled())).not.toContain('refresh-1')
})

test.if(has('claude'))('Claude Code says where to go and takes what is brought back (US1.5.2)', async () => {
  const here = machine()
  await here.begin('claude')
  const shown = await here.until(({ wantsAnswer, state }) => wantsAnswer || state !== 'running')
  const url = new URL(shown.url ?? 'about:nothing')
  // The whole address, however long: with a part missing nobody gets in.
  expect([url.protocol, url.searchParams.get('response_type'), url.searchParams.get('code_challenge_method'), (url.searchParams.get('code_challenge') ?? '').length, (url.searchParams.get('state') ?? '').length > 20]).toEqual(['https:', 'code', 'S256', 43, true])
  await here.answer('not-a-code#of-any-sign-in')
  const over = await here.until(({ state, wantsAnswer }) => state !== 'running' || !wantsAnswer)
  expect([over.state === 'done', here.signedIn]).toEqual([false, []])
})

test('an agent without a sign-in of its own is refused, and logins are read as they are', async () => {
  const here = machine()
  expect(await here.begin('gemini').then(() => null, (error: unknown) => (error as { code: string }).code)).toBe('unsupported')
  const put = (path: string, value: object) => {
    mkdirSync(join(here.home, path, '..'), { recursive: true })
    writeFileSync(join(here.home, path), JSON.stringify(value))
    if (AGENT !== null) chownSync(join(here.home, path), AGENT.uid, AGENT.gid)
  }
  put('.gemini/oauth_creds.json', { access_token: 'a', expiry_date: 1_800_000_000_000 })
  put('.claude/.credentials.json', { claudeAiOauth: { accessToken: 'a', refreshToken: 'r', expiresAt: 1 } })
  expect(await here.logins('gemini', 'claude', 'opencode')).toEqual([
    { agent: 'gemini', signedIn: true, expiresAt: 1_800_000_000_000 }, { agent: 'claude', signedIn: true, expiresAt: null }, { agent: 'opencode', signedIn: null, expiresAt: null },
  ])
})
