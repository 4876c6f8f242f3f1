/** A backup holds no secret of the person's or the server's, and none of the logins that stood in the home it was made of. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { randomBytes } from 'node:crypto'
import type { SavedState } from '@berth/wire/saved'
import { met, openedState } from './saved.ts'
import { startCanaryWorld, type CanaryWorld } from './world.ts'

const UP_MS = 300_000
const secret = (what: string): string => `${what}_${randomBytes(24).toString('base64url')}`
let world: CanaryWorld
beforeAll(async () => { world = await startCanaryWorld() }, UP_MS)
afterAll(() => world?.close(), 120_000)

/** Where each program keeps who is signed in, below the home. */
const PLACES: Readonly<Record<string, (value: string) => string>> = {
  '.claude/.credentials.json': (value) => JSON.stringify({ claudeAiOauth: { accessToken: value } }), '.claude/.claude.json': (value) => JSON.stringify({ theme: 'dark', primaryApiKey: value, oauthAccount: { token: value } }),
  // Its own copies of that file.
  '.claude/backups/.claude.json.backup.1790000000000': (value) => JSON.stringify({ primaryApiKey: value }), '.claude/.claude.json.backup': (value) => JSON.stringify({ oauthAccount: { token: value } }), '.claude/.claude.json.corrupted.1790000000000': (value) => `{"primaryApiKey":"${value}"`, '.claude.json.backup': (value) => JSON.stringify({ primaryApiKey: value }),
  '.codex/auth.json': (value) => JSON.stringify({ tokens: { refresh_token: value } }), '.gemini/oauth_creds.json': (value) => JSON.stringify({ access_token: value }), '.qwen/oauth_creds.json': (value) => JSON.stringify({ access_token: value }),
  '.local/share/opencode/auth.json': (value) => JSON.stringify({ anthropic: { key: value } }), '.copilot/config.json': (value) => JSON.stringify({ copilot_tokens: { host: value } }),
  '.ssh/id_ed25519': (value) => value, '.netrc': (value) => `machine x password ${value}`, '.git-credentials': (value) => `https://a:${value}@github.com`, '.config/gh/hosts.yml': (value) => `oauth_token: ${value}`, '.npmrc': (value) => `//r/:_authToken=${value}`,
  '.aws/credentials': (value) => value, '.kube/config': (value) => value, '.docker/config.json': (value) => JSON.stringify({ auths: { x: { auth: value } } }), '.bash_history': (value) => `export TOKEN=${value}`, '.secrets/given': (value) => value, '.cache/tool/token': (value) => value,
}

test('a saved workspace has none of them, opened with the key, and what is not a login is in it', async () => {
  const { product } = world.at
  const given = secret('ghp')
  const workspace = await world.up('demo', ['--provider', 'local', '--env', `GITHUB_TOKEN=${given}`])
  const planted = Object.fromEntries(Object.keys(PLACES).map((path) => [path, secret('sk-ant-oat01')]))
  const control = secret('control')
  const write = (path: string, content: string): string => `mkdir -p "$(dirname "${path}")" && echo ${Buffer.from(content).toString('base64')} | base64 -d > "${path}"`
  const script = [...Object.entries(PLACES).map(([path, content]) => write(`$HOME/${path}`, content(planted[path] ?? ''))), write('/workspace/notes', control), write('$HOME/.config/app/settings', `${control}-2`)].join(' && ')
  await product.cli(['run', workspace.id, '--', 'sh', '-c', script])
  const saved = await product.json<SavedState>(['backup', workspace.id])
  const { kept, plain } = await openedState(product, saved.id)
  const everything = { ...world.secrets(), ...planted, 'given variable': given }
  expect(met(plain, everything)).toEqual([])
  expect(met(kept, { ...everything, control })).toEqual([])
  // The same search finds what belongs there.
  expect(met(plain, { control, settings: `${control}-2` })).toEqual(['control', 'settings'])
  expect(plain.includes('"theme": "dark"')).toBe(true)
}, UP_MS)
