/** Names and output that would move a terminal's cursor, set its clipboard or be taken for an option. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { StoredEvent, Workspace } from '@berth/wire'
import type { ErrorBody } from '@berth/wire/error'
import { takeInventory, type Inventory } from './inventory.ts'
import { eventually, startProduct, type Product } from './product.ts'
import { git } from './repository.ts'

const ESC = '\u001b'
/** Clipboard, title, cursor, C1, turned text, carriage return. */
const POISON = `${ESC}]52;c;cm0gLXJm${'\u0007'}${ESC}]0;owned${'\u0007'}${ESC}[2J${ESC}[1;1H\u009b31m\u202egnp.exe\rdone`
const NAMES = [
  `esc${ESC}[31mred.txt`, `osc${ESC}]0;title${'\u0007'}.txt`, 'new\nline.txt', 'tab\there.txt', '--upload-pack=touch pwned', '-rf', ' leading and trailing ', 'quo"te\'s.txt', '$(touch pwned)`touch pwned`;touch pwned',
  'back\\slash', 'ünïcødé-\u202etxt.exe', '\u009b2Jc1', `${'long'.repeat(60)}.txt`, ':(glob)**', '{a,b}', '*.txt', 'CON',
]
const NOT_UTF8 = Buffer.concat([Buffer.from('bytes-'), Buffer.from([0xff, 0xfe, 0x80]), Buffer.from('.bin')])
// oxlint-disable-next-line no-control-regex
const RAW = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/

let product: Product
let repository: string
let before: Inventory

beforeAll(async () => {
  product = startProduct()
  repository = mkdtempSync(join(tmpdir(), 'berth-hostile-'))
  await git(repository, 'init', '-q', '-b', 'main')
  mkdirSync(join(repository, `dir${ESC}[7m`))
  for (const name of NAMES) writeFileSync(join(repository, name), `${name}\n`)
  writeFileSync(join(repository, `dir${ESC}[7m`, 'inner'), 'inner\n')
  writeFileSync(Buffer.concat([Buffer.from(`${repository}/`), NOT_UTF8]), 'bytes\n')
  await git(repository, 'add', '-A')
  await git(repository, 'commit', '-q', '-m', `subject ${POISON}`)
  for (const name of NAMES) writeFileSync(join(repository, name), `${name} changed ${POISON}\n`)
  await product.cli(['list'])
  before = await takeInventory(product.home)
}, 60_000)
afterAll(async () => {
  await product.close()
  rmSync(repository, { recursive: true, force: true })
}, 60_000)

describe('hostile file names and terminal output', () => {
  test('travel there and back byte for byte, and nothing raw reaches the terminal of who looks', async () => {
    const command = `printf '%s\\n' "$POISON"; touch -- "$(printf 'made\\033[5m')"; echo ready; exec cat`
    const made = await product.cli(['up', '.', '--provider', 'local', '--agent', 'plain', '--command', command, '--env', `POISON=${POISON}`, '--name', 'hostile', '--no-open', '-y'], { cwd: repository })
    const id = (await product.json<Workspace[]>(['list']))[0]?.id ?? ''
    await eventually(async () => (await product.cli(['logs', 'hostile', 'agent'])).stdout.includes('ready'), "the program's output")
    const said = [made]
    for (const words of [['list'], ['list', '-l'], ['logs', 'hostile', 'agent'], ['logs', 'hostile', 'code'], ['diff', 'hostile'], ['diff', 'hostile', '--stat'], ['events', 'hostile', '--after', '0', '--no-follow']]) said.push(await product.cli(words))
    for (const { stdout, stderr } of said) expect([stdout.match(RAW)?.index ?? null, stderr.match(RAW)?.index ?? null]).toEqual([null, null])
    const events = (await product.cli(['events', 'hostile', '--json', '--after', '0', '--no-follow'])).stdout.trim().split('\n').map((line) => JSON.parse(line) as StoredEvent)
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1))

    const pulled = await product.cli(['pull', 'hostile'], { cwd: repository })
    expect(pulled.stdout + pulled.stderr).not.toMatch(RAW)
    const listed = async (ref: string) => Bun.spawnSync(['git', 'ls-tree', '-r', '-z', ref], { cwd: repository }).stdout.toString('latin1').split('\0')
    const back = await listed('berth/hostile')
    const names = back.map((line) => line.split('\t').slice(1).join('\t'))
    for (const name of [...NAMES, `dir${ESC}[7m/inner`, `made${ESC}[5m`]) expect(names).toContain(Buffer.from(name).toString('latin1'))
    expect(names).toContain(NOT_UTF8.toString('latin1'))
    expect(Bun.spawnSync(['git', 'show', `berth/hostile:${NAMES[0]}`], { cwd: repository }).stdout.toString()).toBe(`${NAMES[0]} changed ${POISON}\n`)
    expect([...new Bun.Glob('**/pwned').scanSync({ cwd: repository, dot: true })]).toEqual([])
    expect([...new Bun.Glob('**/pwned').scanSync({ cwd: join(product.home, 'workspaces', id), dot: true })]).toEqual([])

    await product.cli(['delete', 'hostile', '-y'])
    await eventually(async () => (await product.json<Workspace[]>(['list'])).length === 0, 'the deletion')
    expect(await takeInventory(product.home)).toEqual(before)
  }, 120_000)

  test('a repository that would run something where it is cloned is refused, and says why', async () => {
    const trap = mkdtempSync(join(tmpdir(), 'berth-trap-'))
    try {
      await git(trap, 'init', '-q', '-b', 'main')
      writeFileSync(join(trap, '.gitmodules'), '[submodule "x"]\n\tpath = x\n\turl = --upload-pack=touch pwned\n')
      await git(trap, 'add', '-A')
      await git(trap, 'commit', '-q', '-m', 'trap')
      const { stdout, exitCode } = await product.cli(['up', '.', '--provider', 'local', '--agent', 'plain', '--command', 'cat', '--name', 'trap', '--no-open', '-y', '--json'], { cwd: trap, exit: null })
      expect([exitCode, (JSON.parse(stdout) as { error: ErrorBody }).error]).toMatchObject([2, { code: 'clone_refused', message: expect.stringContaining('gitmodules'), hint: expect.stringMatching(/\S/) }])
      await product.cli(['delete', 'trap', '-y'])
      await eventually(async () => (await product.json<Workspace[]>(['list'])).length === 0, 'the deletion')
      expect(await takeInventory(product.home)).toEqual(before)
    } finally {
      rmSync(trap, { recursive: true, force: true })
    }
  }, 60_000)

  test('as words of the command line are refused, with the words made harmless', async () => {
    for (const [args, exit, code] of [
      [['up', repository, '--name', `bad${POISON}`], 2, 'bad_request'], [['up', repository, '--name', '../../x'], 2, 'bad_request'], [['up', `no${ESC}[31m`], 2, 'bad_request'],
      [['up', 'https://user:secret-word@127.0.0.1:1/x.git'], 1, 'network_unreachable'], [['up', 'https://127.0.0.1:1/x.git', '--branch', '--upload-pack=touch pwned'], 2, 'bad_request'],
      [['events', `x${POISON}`], 3, 'not_found'], [['stop', '--', '-rf'], 3, 'not_found'], [['up', repository, '--env', `A=${'\u0000'}`, '--name', 'Nul'], 2, 'bad_request'],
    ] as const) {
      if (args.some((word) => word.includes('\0'))) continue
      const { stdout, stderr, exitCode } = await product.cli([...args, '--json', ...(args[0] === 'up' ? ['--agent', 'plain', '--command', 'cat', '--provider', 'local', '-y', '--no-open'] : [])].toSorted((one, other) => Number(one === '--' || one === '-rf') - Number(other === '--' || other === '-rf')), { exit: null })
      const { error } = JSON.parse(stdout) as { error: ErrorBody }
      expect([args, exitCode, error.code]).toEqual([args, exit, code])
      expect(stderr).not.toMatch(RAW)
      expect(stdout + stderr).not.toContain('secret-word')
    }
    expect(await takeInventory(product.home)).toEqual(before)
  }, 60_000)
})
