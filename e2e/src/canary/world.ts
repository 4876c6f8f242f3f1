/** A person with a secret of every kind, and three workspaces: what is hunted, and where. */
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { hostname, networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import { startScriptedModel } from '@berth/testkit/scripted-model'
import type { Workspace } from '@berth/wire'
import { SERVER_FILE, TOKEN_FILE } from '@berth/wire/server-file'
import { startGitHubWorld, type GitHubWorld } from '../github-world.ts'
import { COMMAND } from '../product.ts'
import { hunt, type Hunt, type Hunted } from './hunt.ts'

export interface CanaryWorld {
  readonly at: GitHubWorld
  /** By what they are; those that come to be later (tokens of operations) too. */
  secrets(): Record<string, string>
  /** `repository`: `ledger` or `other`. */
  up(name: string, words: readonly string[], repository?: string): Promise<Workspace>
  hunt(workspace: string, more?: Partial<Pick<Hunt, 'by' | 'skipped' | 'secrets'>>): Promise<Hunted>
  readonly urls: () => { url: string; linkUrl: string }
  close(): Promise<void>
}

const addressesNow = (): string[] => Object.values(networkInterfaces()).flat().flatMap((one) => (one?.family === 'IPv4' && !one.internal ? [one.address] : []))

const random = (what: string): string => `${what}_${randomBytes(24).toString('base64url')}`

/** What a cloud needs, of a home whose server has not started; `config` are further lines of its settings, which it writes. */
type SetUp = (home: string, config: string) => Promise<void> | void
const plainSetUp: SetUp = (home, config) => writeFileSync(join(home, 'config.yaml'), config)

/** `withinMs`: for each command to end. */
export async function startCanaryWorld({ setUp = plainSetUp, withinMs }: { setUp?: SetUp; withinMs?: number } = {}): Promise<CanaryWorld> {
  const person = mkdtempSync(join(tmpdir(), 'berth-person-'))
  const kept = {
    'token of a git host': random('glpat'), 'key of a model': random('sk-ant-api03'), 'secret of another project': random('npm'), 'token of ntfy': random('tk'), 'secret of a webhook': random('whsec'),
    'variable of the person': random('AKIA'), 'git credential of the person': random('gho'), 'ssh key of the person': random('ssh'), 'login of an agent of the person': random('oauth'),
  }
  layHome(person, kept)
  const at = await startGitHubWorld({ env: { HOME: person, AWS_SECRET_ACCESS_KEY: kept['variable of the person'], GITHUB_TOKEN: kept['git credential of the person'] }, ...(withinMs === undefined ? {} : { withinMs }) })
  const { product, github } = at
  const model = await startScriptedModel({ hostname: '127.0.0.1' })
  let pem = ''
  // GitHub tells it once and keeps it not.
  const { manifests } = github.world
  const set = manifests.set.bind(manifests)
  manifests.set = (code, made) => { ({ pem } = made); return set(code, made) }

  async function keep(words: readonly string[], secret: string): Promise<void> {
    const child = Bun.spawn([...COMMAND, ...words], { env: product.env, cwd: product.home, stdin: Buffer.from(`${secret}\n`), stdout: 'ignore', stderr: 'pipe' })
    const said = await new Response(child.stderr).text()
    if ((await child.exited) !== 0) throw new Error(`berth ${words.join(' ')}: ${said}`)
  }
  await setUp(product.home, 'notify: { allowPrivate: true, contact: "mailto:owner@example.org" }\n')
  await product.cli(['server', 'stop'])
  await product.cli(['list'])
  const { app } = await at.connect(['ledger', 'other'])
  await keep(['git-host', 'add', 'https://gitlab.example.org'], kept['token of a git host'])
  await keep(['model-key', 'add', 'anthropic', '--url', model.url], kept['key of a model'])
  await keep(['secret', 'set', 'NPM_TOKEN', '--project', 'https://git.example/some/other.git'], kept['secret of another project'])
  const settings = await product.fetch('/api/v1/settings', { method: 'PATCH', body: JSON.stringify({ notify: { ntfy: { url: 'http://127.0.0.1:9/topic', hasToken: true }, webhook: { url: 'http://127.0.0.1:9/hook', hasSecret: true } }, ntfyToken: kept['token of ntfy'], webhookSecret: kept['secret of a webhook'] }) })
  if (!settings.ok) throw new Error(await settings.text())
  const { token } = await product.json<{ token: string }>(['tokens', 'create', 'ci', '--scope', 'all'])

  const urls = () => JSON.parse(readFileSync(join(product.home, SERVER_FILE), 'utf8')) as { url: string; linkUrl: string }
  const secrets = (): Record<string, string> => {
    const rows = pem.split('\n').filter((row) => row.length >= 40 && !row.startsWith('---'))
    return {
      ...kept, 'token of the CLI': readFileSync(join(product.home, TOKEN_FILE), 'utf8').trim(), 'API token': token,
      'master key': readFileSync(join(product.home, 'master.key'), 'utf8').trim(), 'secret of the app': app.clientSecret, 'webhook secret of the app': app.webhookSecret,
      ...Object.fromEntries(rows.map((row, number) => [`key of the app, line ${number + 1}`, row])),
      ...Object.fromEntries(github.world.issued.map((issued, number) => [`token of operation ${number + 1}`, issued])),
    }
  }
  return {
    at, secrets, urls,
    up: (name, words, repository = 'ledger') => product.json<Workspace>(['up', `${github.url}/northquay/${repository}.git`, '--agent', 'plain', '--command', 'sleep 100000', '--name', name, '-y', '--no-open', ...words]),
    async hunt(workspace, { secrets: more = {}, ...how } = {}) {
      const addresses = addressesNow()
      const hunted = await hunt({
        product, workspace, ...how, secrets: { ...secrets(), ...more }, hosts: [...new Set([hostname(), ...addresses])], repositories: ['northquay/ledger.git', 'northquay/other.git'],
        ports: [urls().url, urls().linkUrl, github.url, model.url].map((url) => Number(new URL(url).port)).filter((port) => port > 0),
      })
      // A network of this host that somebody took away meanwhile: whoever answers there is elsewhere.
      const gone = addresses.filter((address) => !addressesNow().includes(address))
      return { ...hunted, places: hunted.places.filter((place) => !gone.some((address) => place.startsWith(`network ${address}:`))) }
    },
    async close() {
      await at.close()
      await model.close()
      rmSync(person, { recursive: true, force: true })
    },
  }
}

/** What lies about in a home. */
function layHome(home: string, kept: Record<string, string>): void {
  const files: Record<string, string> = {
    '.git-credentials': `https://ada:${kept['git credential of the person']}@github.com\n`, '.config/gh/hosts.yml': `github.com:\n  oauth_token: ${kept['git credential of the person']}\n`,
    '.ssh/id_ed25519': `-----BEGIN OPENSSH PRIVATE KEY-----\n${kept['ssh key of the person']}\n`, '.bash_history': `export AWS_SECRET_ACCESS_KEY=${kept['variable of the person']}\n`,
    '.claude/.credentials.json': JSON.stringify({ claudeAiOauth: { accessToken: kept['login of an agent of the person'] } }),
  }
  for (const [name, content] of Object.entries(files)) {
    const path = join(home, name)
    mkdirSync(join(path, '..'), { recursive: true })
    if (!existsSync(path)) writeFileSync(path, content, { mode: 0o600 })
  }
}
