/** Ships that need something of the world outside: code of a host that moves on, a person's MCP server. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Scenario } from '@berth/testkit/scripted-model'
import type { Workspace } from '@berth/wire'
import { startGitServer } from '../git-server.ts'
import { COMMAND } from '../product.ts'
import { modelWords } from '../providers.ts'
import { commitFiles, git } from '../repository.ts'
import { startWeatherServer } from '../surface/mcp-servers.ts'
import type { World } from './world.ts'

const TOKEN = 'placeholder-of-the-host'
const SHOP = { 'README.md': '# storefront\n', 'CLAUDE.md': 'Prices are in cents. [[shop]]\n', 'src/prices.ts': 'export const price = (cents: number) => (cents / 100).toFixed(2)\n' }

/** It tells its person, shows a port, and asks a server that the person named. */
export const shop: Scenario = ({ cwd }) => [
  [{ text: 'The offer depends on the weather, so I ask for it first.' }, { tool: 'ToolSearch', input: { query: 'select:mcp__weather__forecast,mcp__berth__notify,mcp__berth__open_preview' } }],
  [{ tool: 'mcp:weather/forecast', input: { place: 'Bremen' } }],
  [{ tool: 'write', input: { path: `${cwd ?? '.'}/src/banner.ts`, content: "export const banner = 'Ten percent off'\n" } }],
  [{ tool: 'mcp:berth/open_preview', input: { port: 5180, label: 'storefront' } }],
  [{ tool: 'mcp:berth/notify', input: { title: 'Half way', body: 'The banner stands; prices come next.' } }],
  [{ text: 'The banner is there' }],
  // What it does in its second turn.
  [{ tool: 'write', input: { path: `${cwd ?? '.'}/src/reason.ts`, content: "export const reason = 'It rains in Bremen'\n" } }],
  [{ text: 'It says why now' }],
]
export const forecast: Scenario = () => [[{ text: 'I ask the weather server.' }, { tool: 'mcp:weather/forecast', input: { place: 'Bremen' } }], [{ text: 'Rain.' }]]

/** Its development container is made by a file that is not there, which needs no image to find out. */
export const UNBUILDABLE: Readonly<Record<string, string>> = { 'README.md': '# kelp-ui\n', '.devcontainer/devcontainer.json': JSON.stringify({ build: { dockerfile: 'Dockerfile' } }) }

export interface Arrivals { readonly port: number; /** Words of `berth up`. */ readonly words: readonly string[]; tells(world: World): Promise<Workspace>; close(): Promise<void> }

/** `top`: a directory that the caller removes. */
export function startArrivals(top: string): Arrivals {
  const weather = startWeatherServer()
  const host = startGitServer(join(top, 'host'), { username: 'x-access-token', token: TOKEN })
  const file = join(top, 'mcp.json')
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, JSON.stringify({ mcpServers: { weather: { type: 'http', url: `http://host.docker.internal:${weather.port}/mcp` } } }))
  const words = ['--mcp-file', file]
  return {
    port: weather.port, words,
    async tells({ product, model }) {
      const address = `http://127.0.0.1:${host.port}`
      const work = join(top, 'storefront')
      const bare = join(top, 'host/private/saltworks/storefront.git')
      mkdirSync(work, { recursive: true })
      await git(work, 'init', '-q', '-b', 'main')
      await commitFiles(work, SHOP, 'first')
      await git(top, 'clone', '-q', '--bare', work, bare)
      const kept = Bun.spawn([...COMMAND, 'git-host', 'add', address], { env: product.env, stdin: Buffer.from(`${TOKEN}\n`), stdout: 'ignore', stderr: 'inherit' })
      if (await kept.exited !== 0) throw new Error('the host of the code was not taken')
      const made = await product.json<Workspace>(['up', `${address}/private/saltworks/storefront.git`, '--provider', 'local', '--no-open', '-y', '--name', 'storefront', '--prompt', 'Put an offer on the front page.', '--approvals', 'skip', ...words, ...modelWords(model)])
      // Its origin moves on.
      await commitFiles(work, { 'src/prices.ts': 'export const price = (cents: number) => `€ ${(cents / 100).toFixed(2)}`\n' }, 'second')
      await git(work, 'push', '-q', bare, 'main')
      return made
    },
    async close() {
      await weather.close()
      await host.close()
    },
  }
}
