/**
 * `--image full`: Node, Python, Go and Rust in a machine without a devcontainer, from Debian's packages where no registry
 * can be reached. `./test full` only: it takes minutes to make, once.
 */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { StoredEvent, Workspace } from '@berth/wire'
import { startProduct, type Product } from '../product.ts'
import { git } from '../repository.ts'
import { makeProject } from './made-project.ts'

const MADE_MS = 1_200_000
const FILES = {
  'app.js': "console.log('node ' + [1, 2].map((n) => n * 2))\n",
  'app.py': "import sys, venv; print('python', sys.version_info >= (3, 11))\n",
  'go/main.go': 'package main\n\nimport "fmt"\n\nfunc main() { fmt.Println("go", 2+2) }\n', 'go/go.mod': 'module example.com/app\n\ngo 1.19\n',
  'rust/src/main.rs': 'fn main() { println!("rust {}", 2 + 2); }\n', 'rust/Cargo.toml': '[package]\nname = "app"\nversion = "0.1.0"\nedition = "2021"\n', '.gitignore': 'target\nvenv\n',
}
const AGENT = ['--provider', 'docker', '--agent', 'plain', '--command', 'sleep 100000', '--no-open']

let product: Product
let scratch = ''
let dir = ''
const run = async (name: string, script: string): Promise<string> => (await product.cli(['run', name, '--', 'sh', '-c', script], { withinMs: 300_000 })).stdout
const up = async (...words: string[]): Promise<Workspace> => JSON.parse((await product.cli(['up', ...words, ...AGENT, '--json'], { withinMs: MADE_MS })).stdout) as Workspace
beforeAll(async () => {
  product = startProduct()
  scratch = mkdtempSync(join(tmpdir(), 'berth-toolchains-'))
  dir = makeProject(join(scratch, 'all'), FILES)
  await up(dir, '--name', 'all', '--image', 'full', '--wait', '20m')
}, MADE_MS)
afterAll(async () => {
  await product?.close()
  rmSync(scratch, { recursive: true, force: true })
}, 120_000)

test('Node, Python, Go and Rust build and run what they are given', async () => {
  expect(await run('all', 'node app.js && npm --version > /dev/null && python3 app.py && python3 -m venv venv && venv/bin/pip --version > /dev/null')).toBe('node 2,4\npython True\n')
  expect(await run('all', 'cd go && go run . && go vet ./...')).toBe('go 4\n')
  expect(await run('all', 'cd rust && cargo run --quiet --offline && cc --version > /dev/null')).toBe('rust 4\n')
}, 300_000)

test('the agent is a user of its own, and what it writes is its own there and yours here', async () => {
  expect(await run('all', 'id -un; id -u; id -g; stat -c %U:%G . app.js ~; echo made > by-agent; stat -c %u:%g by-agent')).toBe('dev\n1000\n1000\ndev:dev\ndev:dev\ndev:dev\n1000:1000\n')
  await run('all', 'git add by-agent && git -c user.name=a -c user.email=a@a commit -qm made')
  await product.cli(['pull', 'all'], { cwd: dir })
  const [branch = ''] = (await git(dir, 'for-each-ref', '--format=%(refname)', 'refs/heads/berth', 'refs/berth', 'refs/remotes/berth')).trim().split('\n')
  await git(dir, 'checkout', '-q', branch, '--', 'by-agent')
  expect(statSync(join(dir, 'by-agent')).uid).toBe(process.getuid?.() ?? -1)
}, 120_000)

test('a language whose own image cannot be had gets it', async () => {
  const { id } = await up(makeProject(join(scratch, 'go'), { 'go.mod': 'module x\n\ngo 1.19\n', 'main.go': FILES['go/main.go'] }), '--name', 'go')
  const { events } = (await (await product.fetch(`/api/v1/workspaces/${id}/events?after=0&limit=500`)).json()) as { events: StoredEvent[] }
  const said = events.flatMap(({ body }) => (body.type === 'workspace.notice' ? [String(body['message'])] : []))
  // Where a registry answers it is golang's.
  expect(said.find((message) => message.includes('a Go project by its go.mod'))).toMatch(/the image `full`, with its toolchain, is used|its machine is made from golang/)
  expect(await run('go', 'go run .')).toBe('go 4\n')
}, 300_000)
