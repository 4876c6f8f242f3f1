import { afterEach, describe, expect, it } from 'bun:test'
import { mkdtemp, readdir, realpath, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { ensureSshServer } from './ssh-server.ts'
import { createToolbox, hasAvx2, hostTarget, TARGETS } from './index.ts'

const signal = new AbortController().signal
const dirs: string[] = []
async function fresh(): Promise<{ dir: string; entry: string }> {
  const root = await mkdtemp('/tmp/berth-toolbox-')
  dirs.push(root)
  const entry = join(root, 'main.ts')
  await Bun.write(entry, `import { hostname } from 'node:os'\nconsole.log('up', process.argv[2], hostname().length > 0)\n`)
  return { dir: join(root, 'deep', 'toolbox'), entry }
}
/** What it was refused with; null: it was not. */
const refusalOf = (work: Promise<unknown>): Promise<unknown> => work.then(() => null, (error: unknown) => error)
afterEach(async () => {
  for (const dir of dirs.splice(0)) await rm(dir, { recursive: true, force: true })
})

describe('toolbox', () => {
  it('builds the daemon once for many callers, finds it again, and names it by its content', async () => {
    const { dir, entry } = await fresh()
    const lines: string[] = []
    const open = () => createToolbox({ dir, log: (line) => lines.push(line), daemonEntry: entry })
    const toolbox = open()
    const refs = await Promise.all([toolbox.ensureDaemon(undefined, signal), toolbox.ensureDaemon(undefined, signal)])
    expect(refs[1]).toEqual(refs[0])
    const again = await open().ensureDaemon(undefined, signal)
    expect(again).toEqual(refs[0])
    expect(lines.filter((line) => line.startsWith('building'))).toHaveLength(1)
    const run = Bun.spawnSync([join(dir, again.hash, 'berth-daemon'), 'supervise'])
    expect(run.stdout.toString()).toBe('up supervise true\n')

    await Bun.write(entry, `console.log('changed')\n`)
    const changed = await open().ensureDaemon(undefined, signal)
    expect(changed.hash).not.toBe(again.hash)
    expect((await readdir(dir)).filter((name) => name !== 'ssh').sort()).toEqual([again.hash, changed.hash, 'agents'].sort())
  }, 60_000)

  it('is readable and executable by every user of the host', async () => {
    const { dir, entry } = await fresh()
    const before = process.umask(0o077)
    try {
      const { hash } = await createToolbox({ dir, log: () => {}, daemonEntry: entry }).ensureDaemon(undefined, signal)
      for (const path of [join(dir, '..'), dir, join(dir, hash), join(dir, hash, 'berth-daemon'), join(dir, 'agents')]) {
        expect([path, ((await stat(path)).mode & 0o777).toString(8)]).toEqual([path, '755'])
      }
    } finally {
      process.umask(before)
    }
  }, 60_000)

  it('takes the daemon out of the product when it travels inside, and says so when it does not', async () => {
    const { dir } = await fresh()
    const toolbox = createToolbox({ dir, log: () => {}, embedded: async (target) => target === 'linux-x64' ? { hash: 'abc', executable: new Blob(['#!/bin/sh\necho hello\n']) } : null })
    const ref = await toolbox.ensureDaemon('linux-x64', signal)
    expect(ref).toEqual({ hostDir: dir, hash: 'abc' })
    expect(Bun.spawnSync([join(dir, 'abc', 'berth-daemon')]).stdout.toString()).toBe('hello\n')
    expect(await refusalOf(toolbox.ensureDaemon('linux-arm64', signal))).toMatchObject({ code: 'image_unsupported' })
  })

  it('brings an sshd that runs with nothing of its host but what was brought', async () => {
    const { dir } = await fresh()
    expect(await ensureSshServer({ dir, log: () => {} }, signal)).toBe(true)
    const at = join(dir, 'ssh', 'current')
    // A root with nothing else in it: what is missing would be missed.
    const inside = Bun.spawnSync(['bwrap', '--unshare-all', '--ro-bind', await realpath(at), '/ssh', '--proc', '/proc', '--dev', '/dev', '/ssh/ld.so', '--library-path', '/ssh/lib', '/ssh/sshd', '-?'], { env: {} })
    expect(inside.stderr.toString()).toContain('OpenSSH')
    expect(((await stat(join(at, 'sshd'))).mode & 0o777).toString(8)).toBe('755')
  }, 60_000)

  it('goes on without an sshd where there is none to bring', async () => {
    const { dir } = await fresh()
    const lines: string[] = []
    expect(await ensureSshServer({ dir, log: (line) => lines.push(line), hostSshd: join(dir, 'missing') }, signal)).toBe(false)
    expect(lines.join()).toContain('no sshd for images without one')
  })

  it('leaves nothing behind when the build is refused', async () => {
    const { dir, entry } = await fresh()
    await Bun.write(entry, 'import { nothing } from "./missing.ts"\nnothing()\n')
    expect(await refusalOf(createToolbox({ dir, log: () => {}, daemonEntry: entry }).ensureDaemon(undefined, signal))).toMatchObject({ code: 'internal' })
    expect(await readdir(dir).catch(() => [])).toEqual([])
  })

  it('refuses a version that could be read as an option or a path', async () => {
    const { dir } = await fresh()
    const toolbox = createToolbox({ dir, log: () => {} })
    for (const version of ['latest', '../../x', '--help', '1.2']) {
      expect(await refusalOf(toolbox.ensureAgent({ agent: 'claude', version }, signal))).toMatchObject({ code: 'bad_request' })
    }
  })

  it('says who cannot run where their runtime is not published, before anything is fetched', async () => {
    const { dir } = await fresh()
    const refusal = await refusalOf(createToolbox({ dir, log: () => {} }).ensureAgent({ agent: 'gemini', target: 'linux-x64-musl' }, signal))
    expect(refusal).toMatchObject({ code: 'image_unsupported', message: 'node is not published for linux-x64-musl, and Gemini CLI and Qwen Code need it' })
    expect(await readdir(dir).catch(() => [])).toEqual([])
  })

  it('knows the host', () => {
    expect(TARGETS).toContain(hostTarget())
    expect(hasAvx2('flags\t\t: fpu avx avx2 bmi')).toBe(true)
    expect(hasAvx2('flags\t\t: fpu avx bmi')).toBe(false)
  })
})
