/** Files of the true shapes, with made-up tokens in them. */
import { expect, it } from 'bun:test'
import { readLogin } from './login-files.ts'

const AT = 1_900_000_000_000
const token = (claims: object): string => ['{"alg":"none"}', JSON.stringify(claims), 'signature'].map((part) => Buffer.from(part).toString('base64url')).join('.')
const read = (value: unknown) => readLogin(JSON.stringify(value))

it('ends when nothing renews it, or when what renews it ends', () => {
  const claude = { accessToken: 'placeholder-access', expiresAt: AT, scopes: ['user:inference'], subscriptionType: 'max' }
  expect(read({ claudeAiOauth: claude })).toEqual({ endsAt: AT, renewalDueAt: null })
  expect(read({ claudeAiOauth: { ...claude, refreshToken: 'placeholder-refresh' } })).toEqual({ endsAt: null, renewalDueAt: AT })
  expect(read({ claudeAiOauth: { ...claude, refreshToken: 'placeholder-refresh', refreshTokenExpiresAt: AT + 5 } })).toEqual({ endsAt: AT + 5, renewalDueAt: AT })
  // What was revoked is taken out of the file.
  expect(read({ claudeAiOauth: { ...claude, refreshToken: '' } })?.endsAt).toBe(AT)
  expect(read({ access_token: 'placeholder', expiry_date: AT, token_type: 'Bearer' })).toEqual({ endsAt: AT, renewalDueAt: null })
  expect(read({ access_token: 'placeholder', refresh_token: 'placeholder', expiry_date: AT, resource_url: 'portal.example.com' })).toEqual({ endsAt: null, renewalDueAt: AT })
})

it("reads Codex's times out of its token and its last renewal, whichever comes first", () => {
  const tokens = { id_token: token({}), access_token: token({ exp: AT / 1000 }), refresh_token: 'placeholder', account_id: 'a' }
  expect(read({ auth_mode: 'chatgpt', OPENAI_API_KEY: null, tokens, last_refresh: new Date(AT).toISOString() })).toEqual({ endsAt: null, renewalDueAt: AT })
  expect(read({ OPENAI_API_KEY: null, tokens, last_refresh: new Date(AT - 20 * 24 * 3600_000).toISOString() })?.renewalDueAt).toBe(AT - 12 * 24 * 3600_000)
  expect(read({ OPENAI_API_KEY: null, tokens: { ...tokens, refresh_token: '' }, last_refresh: new Date(0).toISOString() })).toEqual({ endsAt: AT, renewalDueAt: null })
  expect(read({ auth_mode: 'apikey', OPENAI_API_KEY: 'placeholder' })).toEqual({ endsAt: null, renewalDueAt: null })
})

it('takes the first end of several logins, and nothing else for a login', () => {
  expect(read({ openai: { type: 'oauth', refresh: 'placeholder', access: 'placeholder', expires: AT, accountId: 'a' }, anthropic: { type: 'api', key: 'placeholder' }, copilot: { type: 'oauth', refresh: '', access: 'placeholder', expires: AT + 9 }, gateway: { type: 'oauth', refresh: 'placeholder', access: 'x', expires: 0 } })).toEqual({ endsAt: AT + 9, renewalDueAt: AT })
  for (const none of [{}, [], 'text', 7]) expect(read(none)).toBeNull()
  expect(readLogin('{"tokens":')).toBeNull()
  expect(readLogin(null)).toBeNull()
  expect(read({ of: 'a newer form' })).toEqual({ endsAt: null, renewalDueAt: null })
})
