/**
 * The list of a push, broken in many ways: our reading never fails, and it is what stock
 * `git receive-pack` reads of the same bytes. All inputs go through ours; a sample goes through git, which dies, or
 * tells by its report and its hook which refs it would move from what to what.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { GitPolicy } from '@berth/wire/git-policy'
import { judgeRef, readPushCommands } from '@berth/core'
import type { PushReading } from '@berth/core'

setDefaultTimeout(3600_000)
const INPUTS = Number(process.env['BERTH_FUZZ'] ?? 20_000)
const SAMPLE = Number(process.env['BERTH_FUZZ_SAMPLE'] ?? 120)
const SEED = Number(process.env['BERTH_FUZZ_SEED'] ?? 20_261_122)

let root: string
let repository: string
let [one, two] = ['', '']
const ZERO = '0'.repeat(40)
/** What git takes for a pack of nothing. */
const EMPTY_PACK = Buffer.concat([Buffer.from('PACK\0\0\0\x02\0\0\0\0', 'latin1'), Buffer.from('029d08823bd8a8eab510ad6ac75c823cfd3ed31e', 'hex')])

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'berth-pkt-'))
  repository = join(root, 'r.git')
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
  writeFileSync(join(repository, 'hooks/pre-receive'), `#!/bin/sh\ncat > '${join(root, 'seen')}'\nexit 1\n`)
  chmodSync(join(repository, 'hooks/pre-receive'), 0o755)
})
afterAll(() => rmSync(root, { recursive: true, force: true }))

function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}
const packet = (text: string): Buffer => Buffer.concat([Buffer.from((Buffer.byteLength(text, 'latin1') + 4).toString(16).padStart(4, '0')), Buffer.from(text, 'latin1')])

function input(random: () => number): Uint8Array<ArrayBuffer> {
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T
  const refs = ['refs/heads/berth/demo', 'refs/heads/main', 'refs/tags/v1', 'refs/heads/berth/demo/../main', 'HEAD', 'refs/heads/b c', 'refs/heads/x\n', '', 'refs/heads/\xe9', 'refs/heads/berth/demo\0refs/heads/main']
  const ids = [ZERO, one, two, one.toUpperCase(), 'f'.repeat(40), `${one}0`, 'f'.repeat(64), one.slice(1)]
  const lines = Array.from({ length: Math.floor(random() * 4) }, (_, at) => {
    if (random() < 0.08) return packet(pick(['push-cert\0x', 'push-cert-end\n', 'ERR no', `shallow ${one}`, 'shallow x', 'shallow ', '', '\n', `shallow ${two}\n`]))
    const caps = at === 0 || random() < 0.1 ? `\0${pick(['report-status', ' report-status agent=x', 'report-status object-format=sha1', 'report-status object-format=sha256', 'atomic report-status\0more', 'report-status object-format', 'report-status object-format=md5', ''])}` : ''
    return packet(`${random() < 0.95 ? pick([ZERO, one, two]) : pick(ids)}${(random() < 0.96 ? ' ' : pick(['  ', '\t', '']))}${random() < 0.95 ? pick([ZERO, one, two]) : pick(ids)} ${random() < 0.6 ? pick(refs.slice(0, 3)) : pick(refs)}${caps}${pick(['', '\n', '\n'])}`)
  })
  const end = (random() < 0.85 ? '0000' : pick(['0001', '0002', '0003', '', 'zzzz', '000']))
  let bytes = Buffer.concat([...lines, Buffer.from(end)])
  // Then bytes are changed, taken out, doubled.
  const harm = random() < 0.7 ? 0 : Math.floor(random() * 4)
  for (let n = 0; n < harm && bytes.length > 0; n++) {
    const at = Math.floor(random() * bytes.length)
    const way = random()
    if (way < 0.4) bytes[at] = way < 0.2 ? pick([...Buffer.from('0123456789abcdefABCDEFxX +-\0\n')]) : Math.floor(random() * 256)
    else if (way < 0.7) bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + Math.floor(random() * 5))])
    else bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at, at + Math.floor(random() * 60)), bytes.subarray(at)])
  }
  return new Uint8Array(Buffer.concat([bytes, EMPTY_PACK]))
}

const DIED = /protocol error|bad line length|remote error|unsupported object format|hung up|unexpected|expected (?:old|shallow|flush)/
/** Differences are said; null: the same. `skipped`: git cannot tell it. */
async function compared(bytes: Uint8Array<ArrayBuffer>, reading: PushReading): Promise<string | null> {
  const seenFile = join(root, 'seen')
  rmSync(seenFile, { force: true })
  const child = Bun.spawn(['git', 'receive-pack', '--stateless-rpc', repository], { env: { PATH: process.env['PATH'] ?? '', HOME: root, LC_ALL: 'C', GIT_CONFIG_NOSYSTEM: '1' }, stdin: new Blob([bytes]), stdout: 'pipe', stderr: 'pipe' })
  const [out, err] = await Promise.all([new Response(child.stdout).bytes(), new Response(child.stderr).text(), child.exited])
  const seen = existsSync(seenFile) ? readFileSync(seenFile, 'latin1').split('\n').filter(Boolean) : []
  if (reading.kind !== 'read') return child.exitCode !== 0 && DIED.test(err) && seen.length === 0 && out.length === 0 ? null : `git read on where we ended (${reading.kind}): ${child.exitCode} ${err} ${seen.join('|')}`
  if (DIED.test(err) && out.length === 0) return `git ended where we read on: ${err}`
  // What git would move has to stand in our list with the same ids; text is compared as bytes.
  const ours = reading.commands.map(({ oldId, newId, ref }) => `${oldId} ${newId} ${Buffer.from(ref, 'utf8').toString('latin1')}`)
  const stray = seen.filter((line) => !ours.some((command) => command.split('\n')[0] === line || Buffer.from(command, 'latin1').toString('utf8').split('\n')[0] === line || command.includes(line)))
  if (stray.length > 0) return `git would move what we do not see: ${stray.join('|')} against ${ours.join('|')}`
  if (!reading.capabilities.includes('report-status')) return null
  const report = linesOf(out)
  const expected = reading.commands.length === 0 ? 0 : reading.commands.length + 1
  if (report.length !== expected) return `${report.length} lines of report for ${reading.commands.length} refs: ${err}`
  const wrong = reading.commands.findIndex(({ ref }, at) => {
    const line = report[at + 1] ?? ''
    const forms = [ref, Buffer.from(ref, 'utf8').toString('latin1')]
    return !forms.some((name) => line === `ok ${name}` || line.startsWith(`ng ${name} `))
  })
  return wrong < 0 ? null : `ref ${wrong} is ${JSON.stringify(reading.commands[wrong])} to us and ${JSON.stringify(report[wrong + 1])} to git`
}
function linesOf(bytes: Uint8Array): string[] {
  const text = Buffer.from(bytes).toString('latin1')
  const lines: string[] = []
  for (let at = 0; at + 4 <= text.length;) {
    const length = Number.parseInt(text.slice(at, at + 4), 16)
    if (!(length > 4)) break
    lines.push(text.slice(at + 4, at + length).replace(/\n$/, ''))
    at += length
  }
  return lines
}
/** git of one kind of id cannot read the other's; a certificate and options have lists of their own, and are refused whole. */
const comparable = (reading: PushReading, bytes: Uint8Array): boolean => {
  const text = Buffer.from(bytes).toString('latin1')
  return !/object-format=sha256|push-cert|push-options|side-band/.test(text) && (reading.kind !== 'read' || reading.commands.every(({ oldId }) => oldId.length === 40))
}

test(`${INPUTS} lists are read without a failure, and ${SAMPLE} of them as git reads them`, async () => {
  const random = randomFrom(SEED)
  const every = Math.max(1, Math.floor(INPUTS / (SAMPLE * 1.3)))
  const counts = { more: 0, broken: 0, read: 0, strict: 0, allowed: 0, compared: 0, agreedDead: 0 }
  for (let n = 0; n < INPUTS; n++) {
    const bytes = input(random)
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
    if (n % every !== 0 || counts.compared >= SAMPLE || !comparable(reading, bytes)) continue
    counts.compared++
    if (reading.kind !== 'read') counts.agreedDead++
    const difference = await compared(bytes, reading)
    if (difference !== null) throw new Error(`input ${n} of seed ${SEED}: ${difference}\n${JSON.stringify(Buffer.from(bytes).toString('latin1'))}`)
  }
  console.log(`seed ${SEED}: ${JSON.stringify(counts)}`)
  expect(counts.compared).toBeGreaterThan(SAMPLE / 2)
  expect(Math.min(counts.more, counts.broken, counts.read, counts.allowed, counts.strict)).toBeGreaterThan(0)
})
