/** `berth up` of a repository takes each of its packs from the host once: the server asked for them while the machine started. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import type { Workspace } from '@berth/wire'
import type { AuditRecord } from '@berth/wire/git-access'
import { startGitServer, type GitServer } from './git-server.ts'
import { COMMAND, startProduct, type Product } from './product.ts'

let root: string
let product: Product
let behind: GitServer
let host: Bun.Server<undefined>
/** Packs that the host was asked for, but for the look at what the project says about its machine. */
const packs: string[] = []

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'berth-hosts-'))
  const work = join(root, 'work')
  mkdirSync(work)
  for (let at = 0; at < 20; at += 1) writeFileSync(join(work, `part-${at}`), crypto.getRandomValues(new Uint8Array(50_000)))
  const git = (...args: string[]): void => {
    const done = Bun.spawnSync(['git', '-c', 'user.name=Ada', '-c', 'user.email=ada@example.org', '-c', 'init.defaultBranch=main', ...args], { cwd: work, env: { PATH: process.env['PATH'] ?? '', HOME: work } })
    if (!done.success) throw new Error(done.stderr.toString())
  }
  git('init', '-q')
  git('add', '.')
  git('commit', '-qm', 'first')
  git('clone', '-q', '--bare', work, join(root, 'ledger.git'))
  behind = startGitServer(root)
  host = Bun.serve({
    port: 0, hostname: '127.0.0.1', idleTimeout: 0,
    async fetch(request) {
      const sent = new Uint8Array(await request.arrayBuffer())
      const text = new TextDecoder().decode(request.headers.get('content-encoding') === 'gzip' ? gunzipSync(sent) : sent)
      if (text.includes('command=fetch') && !text.includes('deepen')) packs.push(text)
      const { pathname, search } = new URL(request.url)
      return fetch(`http://127.0.0.1:${behind.port}${pathname}${search}`, { method: request.method, headers: request.headers, ...(request.method === 'GET' ? {} : { body: sent }) })
    },
  })
  product = startProduct()
  await product.cli(['provider', 'setup', 'local'])
  const kept = Bun.spawn([...COMMAND, 'git-host', 'add', `http://127.0.0.1:${host.port}`], { env: product.env, stdin: Buffer.from('any\n'), stdout: 'ignore', stderr: 'inherit' })
  expect(await kept.exited).toBe(0)
}, 120_000)
afterAll(async () => {
  await product?.close()
  await host?.stop(true)
  await behind?.close()
  rmSync(root, { recursive: true, force: true })
}, 60_000)

test('the host is asked once for the history and once for the files, and the workspace has them from the server', async () => {
  const { id } = await product.json<Workspace>(['up', `http://127.0.0.1:${host.port}/ledger.git`, '--provider', 'local', '--agent', 'plain', '--command', 'sleep 100000', '--name', 'demo', '-y', '--no-open'])
  expect((await product.cli(['ssh', 'demo', 'cd /workspace && git status --porcelain && ls | wc -l'])).stdout.trim()).toBe('20')
  expect([packs.length, packs.filter((text) => text.split('want ').length === 2).length, packs.filter((text) => text.split('want ').length === 21).length]).toEqual([2, 1, 1])
  const { records } = await product.json<{ records: AuditRecord[] }>(['audit', '--action', 'git.fetch'])
  const of = (reason: string) => records.filter((record) => record.workspaceId === id && record.reason === reason && record.allowed).length
  // Refs and two packs; two packs.
  expect([of('the server asked ahead'), of('the server had this pack already')]).toEqual([3, 2])
  // What is started again has its code, and nobody asks.
  await product.cli(['stop', 'demo'])
  await product.cli(['start', 'demo'])
  expect(packs.length).toBe(2)
}, 120_000)
