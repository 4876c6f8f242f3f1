/** A workspace whose code is at a host that the server reaches with a kept token, and the token is never inside. */
import { expect } from 'bun:test'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startGitServer } from '@berth/testkit/git-server'
import { eventually, startProduct, type CliResult, type Product } from './product.ts'

export interface KeptTokenWorld<Host> {
  readonly product: Product
  readonly host: Host
  /** In the repository as it lies at the host. */
  git(...args: string[]): string
  /** A line of shell in the workspace `demo`. */
  inside(script: string, exit?: number | null): Promise<CliResult>
  keep(token: string): Promise<Response>
  close(): Promise<void>
}
export interface KeptTokenHost<Host> {
  readonly kind: 'gitlab' | 'bitbucket'
  /** Of the one repository, below the host. */
  readonly path: string
  /** As the host lets it in for git. */
  readonly username: string
  readonly token: string
  start(git: { readonly url: string; readonly dir: string }): Host
}

/** One commit on main, the token kept, and the workspace `demo` of it at work. */
export async function openKeptTokenWorld<Host extends { readonly url: string; close(): Promise<unknown> }>({ kind, path, username, token, start }: KeptTokenHost<Host>): Promise<KeptTokenWorld<Host>> {
  const root = mkdtempSync(join(tmpdir(), `berth-${kind}-`))
  const dir = join(root, 'host')
  const bare = join(dir, `${path}.git`)
  const git = (...args: string[]): string => {
    const { exitCode, stdout, stderr } = Bun.spawnSync(['git', '-c', 'user.name=Ada', '-c', 'user.email=ada@example.org', '--git-dir', bare, ...args])
    if (exitCode !== 0) throw new Error(stderr.toString())
    return stdout.toString().trim()
  }
  mkdirSync(bare, { recursive: true })
  git('init', '-q', '--bare', '--initial-branch=main')
  git('update-ref', 'refs/heads/main', git('commit-tree', '-m', 'first', git('mktree')))
  const server = startGitServer(dir, { username, token })
  const host = start({ url: `http://127.0.0.1:${server.port}`, dir })
  const product = startProduct()
  const keep = (kept: string): Promise<Response> => product.fetch('/api/v1/git-hosts', { method: 'POST', body: JSON.stringify({ origin: host.url, kind, token: kept }) })
  const close = async (): Promise<void> => {
    await product.close()
    await host.close()
    await server.close()
    rmSync(root, { recursive: true, force: true })
  }
  try {
    await product.cli(['provider', 'setup', 'local'])
    await product.cli(['list'])
    const { status } = await keep(token)
    if (status !== 200) throw new Error(`the token was not kept: ${status}`)
    await product.cli(['up', `${host.url}/${path}.git`, '--provider', 'local', '--agent', 'plain', '--command', 'sleep 100000', '--name', 'demo', '-y', '--no-open'])
  } catch (error) {
    await close()
    throw error
  }
  return { product, host, git, keep, close, inside: (script, exit = 0) => product.cli(['ssh', 'demo', `cd /workspace && ${script}`], { exit }) }
}

/** The agent of `demo` hears of the check `unit`, which failed, and then of `lint`, which `failLint` lets fail; of each once. */
export async function expectAgentTold({ product }: Pick<KeptTokenWorld<unknown>, 'product'>, { reporter, failLint }: { reporter: string; failLint(): void }): Promise<void> {
  const said = async (): Promise<string[]> => {
    const [demo] = await product.json<{ id: string }[]>(['list'])
    const { events } = (await (await product.fetch(`/api/v1/workspaces/${demo?.id}/events?limit=1000`)).json()) as { events: { body: { type: string; text?: string; status?: string } }[] }
    return events.flatMap(({ body }) => (body.type === 'prompt' && body.status === 'accepted' ? [body.text ?? ''] : [])).filter((text) => text.startsWith(`${reporter} reports`))
  }
  /** The first look is soon after a start. */
  const again = async (): Promise<void> => {
    await product.cli(['server', 'stop'])
    await product.cli(['list'])
  }
  expect(await said()).toEqual([])
  await product.json(['pr', 'watch', 'demo'])
  await again()
  const [first = ''] = await eventually(async () => (await said()).length === 1 && said(), 'its agent is told', 90_000)
  expect(first).toContain('- unit (failure): 2 of 40 failed')
  failLint()
  await again()
  const both = await eventually(async () => (await said()).length > 1 && said(), 'it is told of the other one', 90_000)
  expect([both.length, both[0], both[1]?.includes('- lint (failure)')]).toEqual([2, first, true])
}
