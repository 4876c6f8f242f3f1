/** One login, several programs: in turn here, and with the real Codex against a maker that takes back what was used. */
import { afterEach, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { programArgv } from '@berth/wire/agents'
import { readLogin } from './login-files.ts'
import { createRenewals } from './renewals.ts'

setDefaultTimeout(120_000)
const TOOLBOX = process.env['BERTH_TOOLBOX'] ?? '/var/tmp/berth-toolbox'
const CODEX = programArgv(TOOLBOX, 'codex')
const AHEAD_MS = 10 * 60_000
const cleanups: (() => unknown)[] = []
afterEach(async () => { for (const cleanup of cleanups.splice(0).toReversed()) await cleanup() })

test('what may renew a login runs alone, the rest beside each other, and a refusal is not asked for again', async () => {
  let [now, dueAt] = [1000, 2000 as number | null]
  const renewals = createRenewals({ loginOf: () => ({ endsAt: null, renewalDueAt: dueAt }), now: () => now, log: () => {}, byItselfMs: 0 })
  let [running, most, renewed] = [0, 0, 0]
  const work = async (): Promise<void> => {
    most = Math.max(most, running += 1)
    await Bun.sleep(1)
    running -= 1
  }
  const three = async (withinMs: number): Promise<number> => {
    most = 0
    await Promise.all([1, 2, 3].map(() => renewals.alone('codex', withinMs, work)))
    return most
  }
  expect([await three(500), await three(1500)]).toEqual([3, 1])
  // Who fails does not keep the next one.
  await Promise.allSettled([renewals.alone('codex', 1500, () => Promise.reject(new Error('no'))), three(1500)])
  expect(most).toBe(1)
  const refused = () => { renewed += 1; return Promise.reject(new Error('no')) }
  await Promise.all([1, 2, 3].map(() => renewals.renew('codex', 1500, refused)))
  expect(renewed).toBe(1)
  now += 16 * 60_000
  await Promise.all([1, 2, 3].map(() => renewals.renew('codex', 1500, () => { renewed += 1; dueAt = now + 1_000_000; return Promise.resolve() })))
  expect(renewed).toBe(2)
  dueAt = null
  expect(await three(1500)).toBe(3)
})

const jwt = (claims: object): string => ['{"alg":"none","typ":"JWT"}', JSON.stringify(claims), 'signature'].map((part) => Buffer.from(part).toString('base64url')).join('.')
const ID = jwt({ email: 'ada@example.com', exp: 4_000_000_000, 'https://api.openai.com/auth': { chatgpt_plan_type: 'plus', chatgpt_account_id: 'account-1' } })

/** Gives another token each time; the one before is worth nothing from then on. */
function rotatingMaker() {
  const state = { current: 1, asked: 0, reused: 0 }
  const server = Bun.serve({
    port: 0, hostname: '127.0.0.1',
    async fetch(request) {
      if (!new URL(request.url).pathname.endsWith('/oauth/token')) return new Response('nothing here', { status: 404 })
      const { refresh_token: given } = (await request.json()) as { refresh_token: string }
      state.asked += 1
      await Bun.sleep(200)
      if (given !== `refresh-${state.current}`) {
        state.reused += 1
        return Response.json({ error: { code: 'refresh_token_reused' } }, { status: 401 })
      }
      state.current += 1
      return Response.json({ id_token: ID, access_token: jwt({ exp: 4_000_000_000, n: state.current }), refresh_token: `refresh-${state.current}` })
    },
  })
  cleanups.push(() => server.stop(true))
  return { url: `http://127.0.0.1:${server.port}/oauth/token`, state }
}

function codexHome(endsInMs: number): { home: string; text(): string } {
  // Codex makes no programs of its own below /tmp.
  const home = mkdtempSync('/var/tmp/berth-renewals-')
  cleanups.push(() => rmSync(home, { recursive: true, force: true }))
  mkdirSync(join(home, '.codex'))
  const path = join(home, '.codex/auth.json')
  const tokens = { id_token: ID, access_token: jwt({ exp: Math.round((Date.now() + endsInMs) / 1000) }), refresh_token: 'refresh-1', account_id: 'account-1' }
  writeFileSync(path, JSON.stringify({ auth_mode: 'chatgpt', OPENAI_API_KEY: null, tokens, last_refresh: new Date().toISOString() }), { mode: 0o600 })
  return { home, text: () => readFileSync(path, 'utf8') }
}

/** Its server, that is asked who is signed in. */
async function codexServer({ home, url }: { home: string; url: string }): Promise<(refreshToken: boolean) => Promise<unknown>> {
  const child = Bun.spawn([...CODEX, 'app-server'], { cwd: home, env: { PATH: process.env['PATH'] ?? '', HOME: home, CODEX_REFRESH_TOKEN_URL_OVERRIDE: url }, stdin: 'pipe', stdout: 'pipe', stderr: 'ignore' })
  cleanups.push(async () => { child.kill(); await child.exited })
  const answers = new Map<number, () => void>()
  let next = 0
  const ask = (method: string, params: object): Promise<void> => new Promise((resolve) => {
    answers.set(next += 1, resolve)
    void child.stdin.write(`${JSON.stringify({ id: next, method, params })}\n`)
    void child.stdin.flush()
  })
  void (async () => {
    let text = ''
    for await (const chunk of child.stdout) {
      const lines = (text + Buffer.from(chunk).toString()).split('\n')
      text = lines.pop() ?? ''
      for (const line of lines) answers.get((JSON.parse(line) as { id?: number }).id ?? 0)?.()
    }
  })()
  await ask('initialize', { clientInfo: { name: 'test', title: 'Test', version: '1' }, capabilities: {} })
  void child.stdin.write('{"method":"initialized"}\n')
  return (refreshToken) => ask('account/read', { refreshToken })
}

test.if(existsSync(CODEX[0] ?? ''))('three sessions of Codex with one login renew it once, before it ends and as they start', async () => {
  for (const endsInMs of [8 * 60_000, 4 * 60_000, -60_000]) {
    const maker = rotatingMaker()
    const { home, text } = codexHome(endsInMs)
    const renewals = createRenewals({ loginOf: () => readLogin(text()), now: Date.now, log: () => {} })
    const reads = await Promise.all([1, 2, 3].map(async () => {
      const read = await renewals.alone('codex', AHEAD_MS, async () => {
        const opened = await codexServer({ home, url: maker.url })
        await opened(false)
        return opened
      })
      await renewals.renew('codex', AHEAD_MS, () => read(true))
      return read
    }))
    expect(maker.state).toMatchObject({ current: 2, reused: 0 })
    // Later each looks, with what it has in memory: it finds it renewed.
    for (const read of reads) await read(true)
    expect(maker.state.reused).toBe(0)
    expect(text()).toContain(`refresh-${maker.state.current}`)
  }
})
