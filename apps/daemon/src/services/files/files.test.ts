/** What people see of the tree, read by real processes of another user. */
import { afterEach, beforeEach, describe, expect, it, setDefaultTimeout } from 'bun:test'
import { createHash } from 'node:crypto'
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FileContent, UPLOAD_LIMIT_BYTES } from '@berth/wire/files-methods'
import fc from 'fast-check'
import type { AsAgent, ByteStream } from '../../contracts.ts'
import { selfCommand } from '../../self.ts'
import { createAsAgent } from '../as-agent.ts'
import { descriptionIn, listCommands } from './commands.ts'
import { cleanDir, contentOf, createFiles } from './files.ts'
import type { Files } from './files.ts'
import { bestMatches, fuzzyScore } from './fuzzy.ts'
import { cleanName, serveUploadStream } from './upload.ts'

setDefaultTimeout(30_000)
const AGENT = process.getuid?.() === 0 ? { uid: 65534, gid: 65534, name: 'nobody' } : null
const never = new AbortController().signal
let root = ''
let work = ''
let home = ''
let asAgent: AsAgent
let files: Files

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'berth-files-'))
  chmodSync(root, 0o755)
  work = join(root, 'work')
  home = join(root, 'home')
  for (const dir of [work, home]) {
    mkdirSync(dir)
    if (AGENT !== null) chownSync(dir, AGENT.uid, AGENT.gid)
  }
  asAgent = createAsAgent({ boot: { workspaceId: 'ws_aaaabbbbcccc' as never, homeDir: home, agentUser: AGENT, isolation: 'none' }, machineBoot: 'test', workspaceEnv: () => ({}) })
  files = createFiles({ asAgent, workDir: work })
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

async function sh(script: string, dir = work): Promise<void> {
  const identity = { GIT_AUTHOR_NAME: 'Pat', GIT_AUTHOR_EMAIL: 'pat@example.org', GIT_COMMITTER_NAME: 'Pat', GIT_COMMITTER_EMAIL: 'pat@example.org' }
  const { exitCode, stderr } = await asAgent.run(['bash', '-ec', script], { cwd: dir, env: identity })
  if (exitCode !== 0) throw new Error(stderr)
}
const list = (dir = '', query: string | null = null, limit = 100) => files.list({ dir, query, limit }, never)
const read = (path: string, limitBytes = 1024 * 1024) => files.read({ path, limitBytes }, never)
const codeOf = (work: Promise<unknown>) => work.then(() => null, (error: unknown) => (error as { code: string }).code)

describe('a file that is written', () => {
  const write = (path: string, text: string, expect: string | null = null) => files.write({ path, text, expect }, never)
  const hashOf = async (path: string): Promise<string> => (await read(path)).sha256 ?? ''
  it('is there as the agent has it, below directories that are made', async () => {
    const { sha256, sizeBytes } = await write('src/new/a.txt', 'älpha\n')
    expect({ sha256, sizeBytes }).toEqual({ sha256: await hashOf('src/new/a.txt'), sizeBytes: 7 })
    expect(readFileSync(join(work, 'src/new/a.txt'), 'utf8')).toBe('älpha\n')
    expect(statSync(join(work, 'src/new/a.txt')).uid).toBe(AGENT?.uid ?? process.getuid?.() ?? -1)
    await sh('chmod 755 src/new/a.txt')
    await write('src/new/a.txt', 'beta\n', sha256)
    expect(statSync(join(work, 'src/new/a.txt')).mode & 0o777).toBe(0o755)
    expect((await list('src/new')).entries.map(({ path }) => path)).toEqual(['src/new/a.txt'])
  })
  it('is not written over what the writer has not seen', async () => {
    await sh('echo one > a.txt; mkdir dir')
    const seen = await hashOf('a.txt')
    await sh('echo two > a.txt')
    expect(await codeOf(write('a.txt', 'mine', seen))).toBe('conflict')
    expect(await codeOf(write('a.txt', 'mine'))).toBe('conflict')
    expect(await codeOf(write('none.txt', 'mine', seen))).toBe('not_found')
    expect(await codeOf(write('dir', 'mine', seen))).toBe('bad_request')
    expect(readFileSync(join(work, 'a.txt'), 'utf8')).toBe('two\n')
  })
  it('never lies outside of the tree, nor in the repository', async () => {
    await sh('echo there > "$HOME/outside.txt"; ln -s "$HOME" away; ln -s "$HOME/outside.txt" link.txt; ln -s nowhere dangling; echo in > in.txt; ln -s in.txt inner; mkdir .git')
    const outside = createHash('sha256').update('there\n').digest('hex')
    for (const path of ['../x', 'away/x', '.git/hooks/pre-commit', 'sub/.git/config', '/', '.']) expect([path, await codeOf(write(path, 'x'))]).toEqual([path, 'forbidden'])
    expect(await codeOf(write('link.txt', 'x', outside))).toBe('forbidden')
    expect(await codeOf(write('dangling', 'x', outside))).toBe('not_found')
    expect(readFileSync(join(home, 'outside.txt'), 'utf8')).toBe('there\n')
    await write('inner', 'through', await hashOf('inner'))
    expect(readFileSync(join(work, 'in.txt'), 'utf8')).toBe('through')
  })
})

describe('a directory', () => {
  it('shows what is in it and what changed, what is gone too, and not the repository itself', async () => {
    await sh(`git init -q -b main; mkdir -p src/deep; echo a > kept; echo b > edited; echo c > gone; echo d > src/deep/file; git add .; git commit -qm x
      echo more >> edited; rm gone; echo new > fresh; git add -N fresh; echo x > src/deep/other; echo y > 'with "quotes"
and a line'; ln -s kept link; mkdir sub; git init -q sub`)
    const shown = new Map((await list()).entries.map((entry) => [entry.path, entry]))
    expect([...shown].map(([path, { kind, change }]) => [path, kind, change]).toSorted()).toEqual([
      ['edited', 'file', 'modified'], ['fresh', 'file', 'added'], ['gone', 'file', 'deleted'], ['kept', 'file', null], ['link', 'symlink', 'untracked'],
      ['src', 'directory', 'untracked'], ['sub', 'submodule', null], ['with "quotes"\nand a line', 'file', 'untracked'],
    ])
    expect(shown.get('kept')?.sizeBytes).toBe(2)
    expect((await list('src/deep')).entries.map(({ path, change }) => [path, change])).toEqual([['src/deep/file', null], ['src/deep/other', 'untracked']])
    expect(await list('', null, 2)).toMatchObject({ truncated: true, entries: { length: 2 } })
  })
  it('is found by a few letters of its files, also where no git is', async () => {
    await sh('mkdir -p apps/web node_modules/x; echo > apps/web/session-list.tsx; echo > apps/web/other.ts; echo > node_modules/x/session-list.js')
    expect((await list('', 'sesli')).entries.map(({ path }) => path)).toEqual(['apps/web/session-list.tsx'])
    await sh('git init -q; echo node_modules > .gitignore; git add -A; echo > sessions.md')
    expect((await list('', 'session')).entries.map(({ path, change }) => [path, change])).toEqual([['sessions.md', 'untracked'], ['apps/web/session-list.tsx', 'added']])
  })
})

describe('a path', () => {
  it('never leads out of the tree, however it is written and whatever the agent puts there', async () => {
    writeFileSync(join(root, 'secret'), 'outside')
    await sh(`ln -s ../secret a; ln -s .. up; ln -s /etc etc; mkdir dir; ln -s ../../secret dir/b; ln -s dir inside; echo ok > dir/fine`)
    for (const path of ['../secret', 'dir/../../secret', '/etc/passwd', 'a', 'up/secret', 'etc/passwd', 'dir/b']) expect([path, await codeOf(read(path))]).toEqual([path, 'forbidden'])
    for (const dir of ['..', 'up', 'etc', 'dir/..']) expect([dir, await codeOf(list(dir))]).toEqual([dir, 'forbidden'])
    expect((await read('inside/fine')).text).toBe('ok\n')
    expect(() => cleanDir('a/../..')).toThrow('leads out')
  })
  it('of what is no file, or is not the agent\'s, is refused and holds nobody', async () => {
    await sh('mkfifo pipe; mkdir dir')
    expect(await Promise.all(['pipe', 'dir', 'absent'].map((path) => codeOf(read(path))))).toEqual(['bad_request', 'bad_request', 'not_found'])
    if (AGENT === null) return
    writeFileSync(join(work, 'root-only'), 'x', { mode: 0o600 })
    expect(await codeOf(read('root-only'))).toBe('forbidden')
  })
})

describe('a file', () => {
  it('comes as text, as an image, or as neither, and always fits a message', async () => {
    await sh(`printf 'h\\303\\251llo' > text; printf 'a\\000b' > binary; printf '\\211PNG\\r\\n\\032\\n1234' > picture; head -c 3000000 /dev/zero | tr '\\0' x > long; head -c 1048576 /dev/zero | tr '\\0' '\\001' > controls; printf '\\377\\376' > latin`)
    expect(await read('text')).toEqual({ path: 'text', sizeBytes: 6, binary: false, truncated: false, text: 'héllo', imageType: null, sha256: createHash('sha256').update('héllo').digest('hex') })
    // Cut within a character.
    expect(await read('text', 2)).toEqual({ path: 'text', sizeBytes: 6, text: 'h', truncated: true, binary: false, imageType: null })
    for (const path of ['binary', 'latin']) expect(await read(path)).toMatchObject({ binary: true, text: '', imageType: null })
    expect(await read('picture')).toMatchObject({ binary: true, imageType: 'image/png', text: Buffer.from('\x89PNG\r\n\x1a\n1234', 'latin1').toString('base64') })
    for (const path of ['long', 'controls']) {
      const content = await read(path)
      expect(content.truncated).toBe(true)
      expect(Buffer.byteLength(JSON.stringify(content))).toBeLessThan(1024 * 1024)
    }
    fc.assert(fc.property(fc.uint8Array({ maxLength: 3000 }), (bytes) => {
      expect(FileContent.safeParse(contentOf('x', { sizeBytes: bytes.length, bytes: Buffer.from(bytes) })).success).toBe(true)
    }))
  })
})

it('letters in order find a path, best in its own name', () => {
  expect(fuzzyScore('apps/web/src/main.tsx', 'zz')).toBeNull()
  const order = (query: string, paths: string[]) => bestMatches(paths, query, 10).paths
  expect(order('main', ['domain/x.ts', 'src/main.ts', 'src/remain.ts'])).toEqual(['src/main.ts', 'src/remain.ts', 'domain/x.ts'])
  expect(order('sw', ['show.ts', 'sw.ts', 'deep/down/sw.ts'])).toEqual(['sw.ts', 'deep/down/sw.ts', 'show.ts'])
  expect(bestMatches(['a', 'ab', 'abc'], 'a', 2)).toEqual({ paths: ['a', 'ab'], truncated: true })
})

it('lists the commands of the agent, of the project and of the user, and none that leads away', async () => {
  await sh(`mkdir -p .claude/commands/team .claude/skills/review; printf -- '---\\ndescription: "Ship it"\\n---\\nx' > .claude/commands/ship.md; printf '# Heading\\ntext' > .claude/commands/team/plan.md
    printf -- '---\\nname: review\\ndescription: Look closely\\n---\\n' > .claude/skills/review/SKILL.md; echo no > '.claude/commands/-rf.md'; ln -s /etc/passwd .claude/commands/leak.md`)
  await sh('mkdir -p .claude/commands; echo mine > .claude/commands/mine.md', home)
  const commands = await listCommands({ asAgent, workDir: work, homeDir: home, agent: 'claude' }, never)
  expect(commands.filter(({ from }) => from !== 'agent')).toEqual([
    { name: 'ship', description: 'Ship it', from: 'project' }, { name: 'team:plan', description: 'Heading', from: 'project' },
    { name: 'review', description: 'Look closely', from: 'project' }, { name: 'mine', description: 'mine', from: 'user' },
  ])
  expect(commands.some(({ name, from }) => name === 'compact' && from === 'agent')).toBe(true)
  expect(await listCommands({ asAgent, workDir: work, homeDir: home, agent: 'plain' }, never)).toEqual([])
  expect(descriptionIn('')).toBe('')
})

describe('a file that somebody gives', () => {
  const given = async (chunks: readonly Uint8Array[], name: string, fails = false) => {
    const answered: Uint8Array[] = []
    const stream: ByteStream = {
      readable: new ReadableStream({ start(controller) { for (const chunk of chunks) controller.enqueue(chunk); if (fails) controller.error(new Error('cut')); else controller.close() } }),
      writable: new WritableStream({ write(chunk) { answered.push(chunk) } }),
      abort() {},
    }
    await serveUploadStream({ asAgent, homeDir: home }, name, stream).catch(() => {})
    return answered.length === 0 ? null : (JSON.parse(Buffer.concat(answered).toString()) as { path?: string; error?: { code: string } })
  }
  it('lands below the home, as the agent\'s, under a name that is one', async () => {
    const done = await given([Buffer.from('one '), Buffer.from('two')], '../../etc/$(rm -rf) shot.png')
    expect(done?.path).toMatch(new RegExp(`^${home}/.berth/uploads/[0-9a-f]{8}-rm--rf-shot.png$`))
    expect(readFileSync(done?.path ?? '', 'utf8')).toBe('one two')
    if (AGENT !== null) expect(statSync(done?.path ?? '').uid).toBe(AGENT.uid)
    expect((await given([Buffer.from('x')], 'same'))?.path).not.toBe((await given([Buffer.from('y')], 'same'))?.path)
  })
  it('is whole or not there, and not larger than it may be', async () => {
    expect(await given([Buffer.from('half')], 'cut', true)).toBeNull()
    const piece = new Uint8Array(1024 * 1024)
    expect((await given(Array<Uint8Array>(UPLOAD_LIMIT_BYTES / piece.length + 1).fill(piece), 'huge'))?.error?.code).toBe('too_large')
    expect((await asAgent.run(['find', home, '-type', 'f'], {})).stdout).toBe('')
    // What cannot be put in its place is not left beside it.
    mkdirSync(join(home, 'taken'))
    expect((await asAgent.run(selfCommand('put', join(home, 'taken')), { stdin: 'x' })).exitCode).not.toBe(0)
    expect((await asAgent.run(['ls', home], {})).stdout).toBe('taken\n')
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (name) => { expect(cleanName(name)).toMatch(/^[\p{L}\p{N}][\p{L}\p{N}._-]*$|^_[\p{L}\p{N}._-]*$/u) }))
  })
})
