/** Signing in, driven by the official clients where there is one. */
import { afterEach, beforeEach, expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createOAuthDeviceAuth } from '@octokit/auth-oauth-device'
import { Octokit } from '@octokit/core'
import { checkToken, deleteAuthorization, deleteToken, exchangeWebFlowCode, refreshToken } from '@octokit/oauth-methods'
import { startGitHub } from './index.ts'
import type { GitHubSim } from './index.ts'
import { appMaker, CALLBACK, statusOf } from './testing.ts'
import type { Conversion } from './testing.ts'

let root: string
let github: GitHubSim
let made: Conversion

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'sim-github-oauth-'))
  github = startGitHub({ root, deviceIntervalS: 1 })
  github.world.addUser('ada', { name: 'Ada', emails: [{ email: 'ada@example.org', verified: true }, { email: 'old@example.org', verified: false }] })
  github.world.addUser('bob')
  made = await appMaker(github)({ default_permissions: { metadata: 'read', email_addresses: 'read' } })
})
afterEach(async () => {
  const { faulty } = github
  await github.close()
  rmSync(root, { recursive: true, force: true })
  expect(faulty).toEqual([])
})

const at = () => ({ clientType: 'github-app' as const, clientId: made.client_id, clientSecret: made.client_secret, request: new Octokit({ baseUrl: github.apiUrl }).request.defaults({ baseUrl: github.apiUrl }) })
const as = (token: string) => new Octokit({ baseUrl: github.apiUrl, auth: token })
async function authorize(query: Record<string, string> = {}): Promise<URLSearchParams> {
  const page = await fetch(`${github.url}/login/oauth/authorize?${new URLSearchParams({ client_id: made.client_id, redirect_uri: CALLBACK, state: 'x', ...query }).toString()}`, { redirect: 'manual' })
  return page.status === 302 ? new URL(page.headers.get('location') ?? '').searchParams : new URLSearchParams({ refused: String(page.status) })
}
async function signIn(): Promise<{ token: string; refresh: string }> {
  const { authentication } = await exchangeWebFlowCode({ ...at(), code: (await authorize()).get('code') ?? '', redirectUrl: CALLBACK })
  return { token: authentication.token, refresh: 'refreshToken' in authentication ? authentication.refreshToken : '' }
}

test('people sign in by the device, with a code that is typed on its page, and see what is theirs', async () => {
  const { world } = github
  await world.addRepository('ada/notes')
  world.install(world.apps[0]!, 'ada', 'all')
  const { clientId, clientType, request } = at()
  const type = (user_code: string) => fetch(`${github.url}/login/device`, { method: 'POST', body: new URLSearchParams({ user_code }) })
  const auth = createOAuthDeviceAuth({ clientType, clientId, request, async onVerification({ user_code, verification_uri }) {
    expect(verification_uri).toBe(`${github.url}/login/device`)
    expect((await type('NOPE-NOPE')).status).toBe(404)
    expect((await type(user_code)).status).toBe(200)
  } })
  const ada = as((await auth({ type: 'oauth' })).token)
  expect((await ada.request('GET /user')).data).toMatchObject({ login: 'ada', name: 'Ada', email: null })
  expect((await ada.request('GET /user/emails')).data).toEqual([{ email: 'ada@example.org', verified: true, primary: true, visibility: 'private' }, { email: 'old@example.org', verified: false, primary: false, visibility: null }])
  const { installations: [installation] } = (await ada.request('GET /user/installations')).data
  expect((await ada.request('GET /user/installations/{installation_id}/repositories', { installation_id: installation?.id ?? 0 })).data.repositories.map(({ full_name }) => full_name)).toEqual(['ada/notes'])
}, 30_000)

test('by the page: a code is good once, a token is refreshed once, and both are known to its own app only', async () => {
  const code = (await authorize()).get('code') ?? ''
  const { authentication } = await exchangeWebFlowCode({ ...at(), code })
  expect(authentication.token).toStartWith('ghu_')
  await expect(exchangeWebFlowCode({ ...at(), code })).rejects.toThrow('expired')
  await expect(exchangeWebFlowCode({ ...at(), clientSecret: 'wrong', code: (await authorize()).get('code') ?? '' })).rejects.toThrow('client_secret')
  const { token, refresh } = await signIn()
  const renewed = await refreshToken({ ...at(), clientType: 'github-app', refreshToken: refresh })
  expect((await as(renewed.authentication.token).request('GET /user')).data.login).toBe('ada')
  await expect(refreshToken({ ...at(), clientType: 'github-app', refreshToken: refresh })).rejects.toThrow('refresh')
  expect((await checkToken({ ...at(), token })).data.user?.login).toBe('ada')
  await deleteToken({ ...at(), token })
  expect(await statusOf(checkToken({ ...at(), token }))).toBe(404)
  expect(await statusOf(as(token).request('GET /user'))).toBe(401)
})

test('a person who says no, a foreign redirect, a stolen code and a browser of nobody get no token', async () => {
  const { world } = github
  world.consents = false
  expect(Object.fromEntries(await authorize())).toMatchObject({ error: 'access_denied', state: 'x' })
  world.consents = true
  expect((await authorize({ redirect_uri: 'https://evil.example/' })).get('refused')).toBe('400')
  expect((await authorize({ client_id: 'Iv23nobody' })).get('refused')).toBe('404')
  world.signedIn = null
  expect((await authorize()).get('refused')).toBe('401')
  world.signedIn = world.account('bob')
  const verifier = 'v'.repeat(43)
  const pkce = { code_challenge: createHash('sha256').update(verifier).digest('base64url'), code_challenge_method: 'S256' }
  expect((await authorize({ ...pkce, code_challenge_method: 'plain' })).get('error')).toBe('invalid_request')
  const exchange = async (extra: Record<string, string>) => new URLSearchParams(await (await fetch(`${github.url}/login/oauth/access_token`, { method: 'POST', body: new URLSearchParams({ client_id: made.client_id, client_secret: made.client_secret, ...extra }) })).text())
  expect((await exchange({ code: (await authorize(pkce)).get('code') ?? '' })).get('error')).toBe('bad_verification_code')
  expect((await exchange({ code: (await authorize(pkce)).get('code') ?? '', code_verifier: verifier })).get('access_token')).toStartWith('ghu_')
})

test('taken back, all that the app holds of that person is worthless, and of others not; what it was not given it does not see', async () => {
  const ada = await signIn()
  const again = await signIn()
  github.world.signedIn = github.world.account('bob')
  const bob = await signIn()
  await deleteAuthorization({ ...at(), token: ada.token })
  expect(await statusOf(as(again.token).request('GET /user'))).toBe(401)
  await expect(refreshToken({ ...at(), clientType: 'github-app', refreshToken: again.refresh })).rejects.toThrow('refresh')
  expect((await as(bob.token).request('GET /user')).data.login).toBe('bob')
  github.world.advance(8 * 3600_000)
  expect(await statusOf(as(bob.token).request('GET /user'))).toBe(401)
  made = await appMaker(github)({ name: 'sees little', default_permissions: { metadata: 'read' } })
  expect(await statusOf(as((await signIn()).token).request('GET /user/emails'))).toBe(403)
})
