/** Where a secret goes and where it does not: from the person's file to the agent's environment, and nowhere else. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Workspace } from '@berth/wire'
import type { ProjectSecret } from '@berth/wire/project-secrets'
import { COMMAND, eventually, startProduct, type Product } from '../product.ts'

const UP_MS = 120_000
const value = (what: string): string => `${what}-${crypto.randomUUID()}`
const SECRETS = { project: value('project'), projectFile: value('project-file'), dotenv: value('dotenv'), own: value('own'), file: value('file') }

let product: Product
let dir = ''
let workspace: Workspace

async function keep(words: readonly string[], secret: string): Promise<string> {
  const child = Bun.spawn([...COMMAND, 'secret', ...words], { cwd: dir, env: product.env, stdin: new Blob([`${secret}\n`]), stdout: 'pipe', stderr: 'pipe' })
  const [out, err, exitCode] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited])
  if (exitCode !== 0) throw new Error(`${out}${err}`)
  return out
}
const run = async (script: string): Promise<string> => (await product.cli(['run', 'keeper', '--', 'sh', '-c', script])).stdout
const file = (name: string, content: string): string => {
  writeFileSync(join(dir, '..', `${name}-of-the-test`), content)
  return join(dir, '..', `${name}-of-the-test`)
}

beforeAll(async () => {
  product = startProduct()
  const root = mkdtempSync(join(tmpdir(), 'berth-secrets-'))
  dir = join(root, 'code')
  await Bun.write(join(dir, 'README.md'), 'code\n')
  expect(await keep(['set', 'PROJECT_TOKEN'], SECRETS.project)).toContain('Kept PROJECT_TOKEN for the workspaces of')
  await keep(['set', 'project_key', '--file', '--project', dir], SECRETS.projectFile)
  await keep(['set', 'OTHERS', '--project', 'https://git.example/some/other.git'], value('other'))
  workspace = await product.json<Workspace>(['up', dir, '--name', 'keeper', '--provider', 'local', '--agent', 'plain', '--command', 'sleep 100000', '--no-open', '-y',
    '--env-file', file('dotenv', `# comment\nexport FROM_DOTENV="${SECRETS.dotenv}"\nMODE=fast # really\n`), '--secret', `OWN=${file('own', `${SECRETS.own}\n`)}`, '--secret-file', `key=${file('key', SECRETS.file)}`,
    '--service', 'leak=echo "$PROJECT_TOKEN $FROM_DOTENV $OWN"; cat ~/.secrets/key ~/.secrets/project_key; echo; echo told; exec sleep 100000'])
}, UP_MS)

afterAll(async () => {
  await product.close()
  rmSync(join(dir, '..'), { recursive: true, force: true })
}, 60_000)

// The file ends as it did: ssh takes no key without its last line end.
test('the workspace has them, those of its project too, and of no other', async () => {
  expect(await run('echo "$PROJECT_TOKEN $FROM_DOTENV $OWN $MODE ${OTHERS-none}"; cat ~/.secrets/key; echo; cat ~/.secrets/project_key; stat -c %a ~/.secrets/key ~/.secrets/project_key')).toBe(
    `${SECRETS.project} ${SECRETS.dotenv} ${SECRETS.own} fast none\n${SECRETS.file}\n${SECRETS.projectFile}\n600\n600\n`)
  expect(workspace.exposures.map(({ name }) => name).sort()).toEqual(['OWN', 'key'])
})

test('what is told of the workspace holds none of them', async () => {
  const log = await eventually(async () => { const { stdout } = await product.cli(['logs', 'keeper', '--service', 'leak']); return stdout.includes('told') && stdout }, 'the output of the service')
  expect(log).toContain('[masked] [masked] [masked]')
  const events = await (await product.fetch(`/api/v1/workspaces/${workspace.id}/events?after=0&limit=500`)).text()
  const listed = (await product.cli(['secret', 'list', '--json'])).stdout
  const shown = [log, events, listed, (await product.cli(['list', '--json'])).stdout, (await product.cli(['secret'])).stdout].join('\n')
  for (const secret of Object.values(SECRETS)) expect(shown).not.toContain(secret)
  expect((JSON.parse(listed) as ProjectSecret[]).map(({ name, kind }) => [name, kind])).toEqual(expect.arrayContaining([['PROJECT_TOKEN', 'env'], ['project_key', 'file'], ['OTHERS', 'env']]))
})

test('at rest they are sealed, and no command line has one', async () => {
  const kept: string[] = []
  for (const path of new Bun.Glob('**/*').scanSync({ cwd: product.home, dot: true, onlyFiles: true })) {
    // The machine's own disk is where they belong.
    if (!path.startsWith('workspaces/')) kept.push(path)
  }
  expect(kept.some((path) => path.startsWith('postgres/'))).toBe(true)
  const all = Object.values(SECRETS)
  for (const path of kept) {
    const content = await Bun.file(join(product.home, path)).bytes().catch(() => new Uint8Array())
    const text = Buffer.from(content).toString('latin1')
    expect([path, all.filter((secret) => text.includes(secret))]).toEqual([path, []])
  }
  for (const pid of new Bun.Glob('[0-9]*').scanSync({ cwd: '/proc', onlyFiles: false })) {
    const line = ((): string => { try { return readFileSync(`/proc/${pid}/cmdline`, 'latin1') } catch { return '' } })()
    expect(all.filter((secret) => line.includes(secret))).toEqual([])
  }
})

test('one that is changed or forgotten counts from the next start', async () => {
  const changed = value('changed')
  await keep(['set', 'PROJECT_TOKEN'], changed)
  await product.cli(['secret', 'remove', 'project_key'], { cwd: dir })
  expect((await product.cli(['secret', 'remove', 'project_key'], { cwd: dir, exit: null })).stderr).toContain('there is no secret project_key')
  await product.cli(['stop', 'keeper', '--wait'])
  await product.cli(['start', 'keeper'])
  expect(await run('echo "$PROJECT_TOKEN"')).toBe(`${changed}\n`)
}, UP_MS)

test('a value in the command line is refused and not repeated', async () => {
  const refused = await product.cli(['secret', 'set', `TOKEN=${SECRETS.own}`], { cwd: dir, exit: null })
  expect(refused.exitCode).not.toBe(0)
  expect(refused.stdout + refused.stderr).not.toContain(SECRETS.own)
})
