/** A product beside a GitHub: an organisation with repositories, and an app that is made by a press as a person does it. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startGitHub, type App, type GitHubSim, type Installation } from '@berth/sim-github'
import { freePort } from '@berth/testkit/free-ports'
import type { Workspace } from '@berth/wire'
import { SERVER_FILE } from '@berth/wire/server-file'
import { startProduct, type CliResult, type Product } from './product.ts'

export interface GitHubWorld {
  readonly github: GitHubSim
  readonly product: Product
  readonly root: string
  /** As a browser goes there that is signed in nowhere. */
  browser(address: string, init?: RequestInit): Promise<Response>
  /** The page, the press, and the way back; answers where GitHub goes on. */
  press(setupUrl: string): Promise<{ back: string; connected: Response }>
  connect(repositories?: readonly string[], more?: readonly string[]): Promise<{ app: App; installation: Installation }>
  up(repository: string, name: string, more?: readonly string[]): Promise<Workspace>
  /** A shell in that workspace's tree. */
  inside(name: string, script: string, exit?: number | null): Promise<CliResult>
  /** Somebody else commits there; answers the commit. Nobody is told yet. */
  commitAt(repository: string, branch?: string): Promise<string>
  git(...args: readonly string[]): string
  close(): Promise<void>
}

/** `hooks`: GitHub reaches the server by a public address of its own. `env`: of the person who starts it all. `withinMs`: for each command to end. */
export async function startGitHubWorld({ repositories = ['ledger', 'other'], hooks = false, hostname = '127.0.0.1', env = {}, withinMs }: { repositories?: readonly string[]; hooks?: boolean; hostname?: string; env?: Record<string, string>; withinMs?: number } = {}): Promise<GitHubWorld> {
  const root = mkdtempSync(join(tmpdir(), 'berth-github-'))
  const github = startGitHub({ root, hostname })
  const { world } = github
  world.signedIn = world.addUser('ada')
  world.addOrganization('northquay')
  for (const name of repositories) await world.addRepository(`northquay/${name}`)
  const product = startProduct(env, withinMs === undefined ? {} : { withinMs })
  if (hooks) writeFileSync(join(product.home, 'config.yaml'), settings(freePort()))
  await product.cli(['provider', 'setup', 'local'])

  const browser: GitHubWorld['browser'] = (address, init) => {
    const { url } = JSON.parse(readFileSync(join(product.home, SERVER_FILE), 'utf8')) as { url: string }
    const { hostname, pathname, search } = new URL(address)
    return fetch(hostname === 'berth.localhost' ? new URL(`${pathname}${search}`, url) : address, { redirect: 'manual', ...init })
  }
  const press: GitHubWorld['press'] = async (setupUrl) => {
    const html = await (await browser(setupUrl)).text()
    const attribute = (pattern: RegExp): string => (pattern.exec(html)?.[1] ?? '').replaceAll('&quot;', '"').replaceAll('&amp;', '&')
    const pressed = await browser(attribute(/action="([^"]+)"/), { method: 'POST', body: new URLSearchParams({ manifest: attribute(/name="manifest" value="([^"]+)"/) }) })
    const back = pressed.headers.get('location') ?? ''
    return { back, connected: await browser(back) }
  }
  const git: GitHubWorld['git'] = (...args) => {
    const { stdout, stderr, exitCode } = Bun.spawnSync(['git', '-c', 'user.name=Bo', '-c', 'user.email=bo@example.org', ...args])
    if (exitCode !== 0) throw new Error(`git ${args.join(' ')}: ${stderr.toString()}`)
    return stdout.toString().trim()
  }
  return {
    github, product, root, browser, press, git,
    async connect(chosen = ['ledger'], more = []) {
      const { url } = await product.json<{ url: string }>(['setup', 'github-app', '--host', github.url, '--organization', 'northquay', '--name', 'berth northquay', ...more])
      await press(url)
      const app = world.apps[0] as App
      return { app, installation: await github.happen.install(app, 'northquay', chosen) }
    },
    up: (repository, name, more = []) => product.json<Workspace>(['up', `${github.url}/northquay/${repository}.git`, '--provider', 'local', '--agent', 'plain', '--command', 'sleep 100000', '--name', name, '-y', '--no-open', ...more]),
    inside: (name, script, exit = 0) => product.cli(['ssh', name, `cd /workspace && ${script}`], { exit }),
    async commitAt(repository, branch = 'main') {
      const bare = ['--git-dir', world.known(repository).dir]
      const sha = git(...bare, 'commit-tree', '-m', 'somebody else', '-p', branch, `${branch}^{tree}`)
      git(...bare, 'update-ref', `refs/heads/${branch}`, sha)
      return sha
    },
    async close() {
      await product.close()
      await github.close()
      rmSync(root, { recursive: true, force: true })
    },
  }
}

const settings = (port: number): string => `port: ${port}\npublicUrl: http://127.0.0.1:${port}\n`
