/**
 * The list of a push, broken in many ways: our reading never fails, and it is what stock `git receive-pack` reads of the
 * same bytes. All inputs go through ours; a sample (`BERTH_FUZZ_SAMPLE` different ones, `BERTH_FUZZ_LANES` at once) goes
 * through git, which dies, or tells by its report and its hook which refs it would move from what to what. All of a
 * million go through git by `bun run fuzz`, without the hook.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { chmodSync, cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { GitPolicy } from '@berth/wire/git-policy'
import { judgeRef, readPushCommands } from '@berth/core'
import type { PushReading } from '@berth/core'
import { comparable, differenceOf } from './fuzz/difference.ts'
import { EMPTY_PACK, input, randomFrom } from './fuzz/inputs.ts'

setDefaultTimeout(3600_000)
const INPUTS = Number(process.env['BERTH_FUZZ'] ?? 20_000)
const SAMPLE = Number(process.env['BERTH_FUZZ_SAMPLE'] ?? 120)
const SEED = Number(process.env['BERTH_FUZZ_SEED'] ?? 20_261_122)

let root: string
/** Each with a repository of its own, whose hook says what it saw to itself. */
const LANES = Number(process.env['BERTH_FUZZ_LANES'] ?? 2)
const repositoryOf = (lane: number): string => join(root, `r${lane}.git`)
const seenOf = (lane: number): string => join(root, `seen${lane}`)
let [one, two] = ['', '']

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'berth-pkt-'))
  const repository = repositoryOf(0)
  const git = (...args: string[]): string => {
    const ran = Bun.spawnSync(['git', '-c', 'user.name=A', '-c', 'user.email=a@b', '-c', 'init.defaultBranch=main', ...args], { cwd: root, env: { PATH: process.env['PATH'] ?? '', HOME: root } })
    if (!ran.success) throw new Error(ran.stderr.toString())
    return ran.stdout.toString().trim()
  }
  git('init', '-q', '--bare', repository)
  const tree = git('--git-dir', repository, 'mktree', '--missing')
  one = git('--git-dir', repository, 'commit-tree', tree, '-m', 'one')
  two = git('--git-dir', repository, 'commit-tree', tree, '-p', one, '-m', 'two')
  git('--git-dir', repository, 'update-ref', 'refs/heads/main', one)
  for (let lane = 0; lane < LANES; lane++) {
    if (lane > 0) cpSync(repository, repositoryOf(lane), { recursive: true })
    writeFileSync(join(repositoryOf(lane), 'hooks/pre-receive'), `#!/bin/sh\ncat > '${seenOf(lane)}'\nexit 1\n`)
    chmodSync(join(repositoryOf(lane), 'hooks/pre-receive'), 0o755)
  }
})
afterAll(() => rmSync(root, { recursive: true, force: true }))

async function compared(bytes: Uint8Array<ArrayBuffer>, reading: PushReading, lane: number): Promise<string | null> {
  const seenFile = seenOf(lane)
  rmSync(seenFile, { force: true })
  const child = Bun.spawn(['git', 'receive-pack', '--stateless-rpc', repositoryOf(lane)], { env: { PATH: process.env['PATH'] ?? '', HOME: root, LC_ALL: 'C', GIT_CONFIG_NOSYSTEM: '1' }, stdin: new Blob([bytes]), stdout: 'pipe', stderr: 'pipe' })
  const [out, err, exitCode] = await Promise.all([new Response(child.stdout).bytes(), new Response(child.stderr).text(), child.exited])
  return differenceOf(reading, { exitCode, out, err, seen: existsSync(seenFile) ? readFileSync(seenFile, 'latin1').split('\n').filter(Boolean) : [] })
}

test(`${INPUTS} lists are read without a failure, and ${SAMPLE} of them as git reads them`, async () => {
  const random = randomFrom(SEED)
  const every = Math.max(1, Math.floor(INPUTS / (SAMPLE * 1.3)))
  const counts = { more: 0, broken: 0, read: 0, strict: 0, allowed: 0, compared: 0, asked: 0, agreedDead: 0 }
  // git is asked once about the same bytes: it answers the same.
  const asked = new Set<string>()
  let waiting: { readonly n: number; readonly bytes: Uint8Array<ArrayBuffer>; readonly reading: PushReading }[] = []
  const ask = async (): Promise<void> => {
    const batch = waiting
    waiting = []
    await Promise.all(batch.map(async ({ n, bytes, reading }, lane) => {
      const difference = await compared(bytes, reading, lane)
      if (difference !== null) throw new Error(`input ${n} of seed ${SEED}: ${difference}\n${JSON.stringify(Buffer.from(bytes).toString('latin1'))}`)
    }))
  }
  for (let n = 0; n < INPUTS; n++) {
    const bytes = input(random, { one, two, pack: EMPTY_PACK })
    const reading = readPushCommands(bytes)
    counts[reading.kind]++
    if (reading.kind === 'read') {
      if (reading.strict !== null) counts.strict++
      const verdicts = reading.commands.map((command) => judgeRef({ name: 'demo', policy: GitPolicy.parse({}) }, command))
      if (reading.strict === null && verdicts.length > 0 && verdicts.every(({ kind }) => kind === 'allowed')) {
        counts.allowed++
        for (const { ref } of reading.commands) expect(ref).toMatch(/^refs\/heads\/berth\/demo(?:[-/]|$)/)
      }
    }
    if (n % every !== 0 || counts.asked >= SAMPLE || !comparable(reading, bytes)) continue
    const known = new Bun.CryptoHasher('sha1').update(bytes).digest('latin1')
    counts.compared++
    if (asked.has(known)) continue
    asked.add(known)
    counts.asked++
    if (reading.kind !== 'read') counts.agreedDead++
    waiting.push({ n, bytes, reading })
    if (waiting.length === LANES) await ask()
  }
  await ask()
  console.log(`seed ${SEED}: ${JSON.stringify(counts)}`)
  expect(counts.asked).toBeGreaterThan(SAMPLE / 2)
  expect(Math.min(counts.more, counts.broken, counts.read, counts.allowed, counts.strict)).toBeGreaterThan(0)
})
