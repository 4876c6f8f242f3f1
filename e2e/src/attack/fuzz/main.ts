/**
 * `bun run fuzz -- --runs 1000000 --from 1`: that many lists of a push, by their numbers, each read by us and by stock
 * git. A run that was ended goes on with the number that it said last. Needs a C compiler.
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { judgeRef, readPushCommands } from '@berth/core'
import type { PushReading } from '@berth/core'
import { GitPolicy } from '@berth/wire/git-policy'
import { differenceOf } from './difference.ts'
import { input, NO_PACK, randomFrom } from './inputs.ts'
import { openStockGit, type StockGit } from './stock-git.ts'

const { values } = parseArgs({ options: { runs: { type: 'string', default: '100000' }, from: { type: 'string', default: '1' } } })
const [runs, from] = [Number(values.runs), Number(values.from)]
if (!(runs > 0) || !Number.isSafeInteger(from)) throw new Error('usage: bun run fuzz -- --runs N --from SEED')
const BATCH = 10_000
/** Said in full; the others are counted. */
const TOLD = 20

interface Case { readonly seed: number; readonly bytes: Uint8Array; readonly reading: PushReading }
const counts = { inputs: 0, distinct: 0, more: 0, broken: 0, read: 0, allowed: 0, refusedWhole: 0, compared: 0, refsCompared: 0, different: 0, wrongRefAllowed: 0 }
const policy = GitPolicy.parse({})

/** A certificate, options and a side band have lists of their own, which are refused whole whatever stands in them. */
const LISTS_OF_THEIR_OWN = /push-cert|push-options|side-band/
function formatOf({ bytes, reading }: Case): 'sha1' | 'sha256' | null {
  const text = Buffer.from(bytes).toString('latin1')
  if (LISTS_OF_THEIR_OWN.test(text)) return null
  return (reading.kind === 'read' ? reading.capabilities.find((word) => word.startsWith('object-format=')) === 'object-format=sha256' : text.includes('object-format=sha256')) ? 'sha256' : 'sha1'
}

function judged({ seed, reading }: Case): void {
  counts[reading.kind]++
  if (reading.kind !== 'read') return
  if (reading.strict !== null) counts.refusedWhole++
  const verdicts = reading.commands.map((command) => judgeRef({ name: 'demo', policy }, command))
  if (reading.strict !== null || verdicts.length === 0 || verdicts.some(({ kind }) => kind !== 'allowed')) return
  counts.allowed++
  const stray = reading.commands.find(({ ref }) => !/^refs\/heads\/berth\/demo(?:[-/]|$)/.test(ref))
  if (stray === undefined) return
  counts.wrongRefAllowed++
  console.log(`seed ${seed}: allowed ${JSON.stringify(stray)}`)
}

async function compare(git: StockGit, cases: readonly Case[]): Promise<void> {
  for (const format of ['sha1', 'sha256'] as const) {
    const asked = cases.filter((one) => formatOf(one) === format)
    const answers = await git.answers(asked.map(({ bytes }) => bytes), format)
    for (const [at, { seed, bytes, reading }] of asked.entries()) {
      counts.compared++
      if (reading.kind === 'read' && reading.capabilities.includes('report-status')) counts.refsCompared += reading.commands.length
      const answer = answers[at]
      const difference = answer === undefined ? 'no answer' : differenceOf(reading, answer)
      if (difference === null) continue
      counts.different++
      if (counts.different <= TOLD) console.log(`seed ${seed} (${format}): ${difference}\n  ${JSON.stringify(Buffer.from(bytes).toString('latin1'))}\n  ${JSON.stringify(reading)}`)
    }
  }
}

const dir = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'berth-fuzz-'))
try {
  const git = openStockGit(dir)
  const before = git.refs()
  /** git is asked once about the same bytes: it answers the same. */
  const known = new Set<bigint>()
  for (let seed = from; seed < from + runs; seed += BATCH) {
    const cases: Case[] = []
    for (let n = seed; n < Math.min(seed + BATCH, from + runs); n++) {
      const bytes = input(randomFrom(n), { one: git.one, two: git.two, pack: NO_PACK })
      const one = { seed: n, bytes, reading: readPushCommands(bytes) }
      counts.inputs++
      judged(one)
      const key = BigInt.asUintN(64, Bun.hash(bytes) as bigint)
      if (known.has(key)) continue
      known.add(key)
      cases.push(one)
    }
    counts.distinct = known.size
    await compare(git, cases)
    console.log(`next --from ${Math.min(seed + BATCH, from + runs)}: ${JSON.stringify(counts)}`)
  }
  if (git.refs() !== before) throw new Error('git moved a ref: what was compared was not one repository')
} finally {
  rmSync(dir, { recursive: true, force: true })
}
process.exit(counts.different + counts.wrongRefAllowed === 0 ? 0 : 1)
