/** For any edits: hunks accepted one by one lead to the worktree's tree, hunks rejected one by one to the reviewed tree. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Mark } from '@berth/core'
import fc from 'fast-check'
import { startBench } from './testing.ts'
import type { Bench } from './testing.ts'

let bench: Bench
beforeAll(async () => {
  bench = await startBench()
  await bench.sh('touch a b c; git add -A; git commit -qm first')
})
afterAll(() => bench.close())

/** Few different lines, so that hunks look alike. */
const line = fc.constantFrom('one', 'two', '', 'x\r', '\ttab', '-- -', '+++ b/a', '\u00fc\u202e', '\\')
const content = fc.record({ lines: fc.array(line, { maxLength: 40 }), end: fc.boolean() }).map(({ lines, end }) => lines.join('\n') + (end && lines.length > 0 ? '\n' : ''))
/** A text and what became of it: pieces are replaced, put in and left out in several places. */
const edited = fc.record({ before: content, edits: fc.array(fc.record({ at: fc.nat(60), drop: fc.nat(3), put: fc.array(line, { maxLength: 3 }) }), { maxLength: 5 }), end: fc.boolean() }).map(({ before, edits, end }) => {
  const lines = before.split('\n')
  for (const { at, drop, put } of edits) lines.splice(at % (lines.length + 1), drop, ...put)
  return { before, after: lines.join('\n') + (end ? '\n' : '') }
})
const world = fc.record({ a: edited, b: edited, c: edited, order: fc.array(fc.nat(1000), { minLength: 1, maxLength: 50 }) })
const NAMES = ['a', 'b', 'c'] as const

async function prepare(files: Record<(typeof NAMES)[number], Record<'before' | 'after', string>>) {
  const put = (side: 'before' | 'after'): Promise<string> => {
    for (const name of NAMES) writeFileSync(join(bench.work, name), files[name][side])
    return bench.treeOf()
  }
  return { before: await put('before'), after: await put('after') }
}

test('accepting all hunks one by one, in any order, reaches the tree of the worktree', async () => {
  await fc.assert(fc.asyncProperty(world, async ({ order, ...files }) => {
    const { before, after } = await prepare(files)
    let reviewed = before
    for (let step = 0; ; step++) {
      const marks = openMarks(await bench.read(reviewed), 'accepted')
      if (marks.length === 0) break
      reviewed = await bench.accept(reviewed, [marks[(order[step % order.length] ?? 0) % marks.length] as Mark])
    }
    expect(reviewed).toBe(after)
    expect(await bench.treeOf()).toBe(after)
  }), { numRuns: Number(process.env['REVIEW_RUNS'] ?? 8) })
}, 240_000)

test('rejecting all hunks one by one, in any order, reaches the reviewed tree', async () => {
  await fc.assert(fc.asyncProperty(world, async ({ order, ...files }) => {
    const { before } = await prepare(files)
    for (let step = 0; ; step++) {
      const marks = openMarks(await bench.read(before), 'rejected')
      if (marks.length === 0) break
      await bench.reject(before, [marks[(order[step % order.length] ?? 0) % marks.length] as Mark])
    }
    expect(await bench.treeOf()).toBe(before)
  }), { numRuns: Number(process.env['REVIEW_RUNS'] ?? 8) })
}, 240_000)

test('hunks decided in one go lead to the same trees', async () => {
  await fc.assert(fc.asyncProperty(world, async ({ order, ...files }) => {
    const { before, after } = await prepare(files)
    const marks = openMarks(await bench.read(before), 'accepted')
    const chosen = marks.filter((_, index) => (order[index % order.length] ?? 0) % 2 === 0)
    const half = chosen.length === 0 ? before : await bench.accept(before, chosen)
    const rest = openMarks(await bench.read(half), 'accepted')
    expect(rest.length === 0 ? half : await bench.accept(half, rest)).toBe(after)
    const refused = marks.filter((_, index) => (order[index % order.length] ?? 0) % 2 === 1).map((mark) => ({ ...mark, mark: 'rejected' as const }))
    if (refused.length > 0) await bench.reject(before, refused)
    expect(await bench.treeOf()).toBe(half)
  }), { numRuns: Number(process.env['REVIEW_RUNS'] ?? 8) })
}, 240_000)

function openMarks({ changes }: Awaited<ReturnType<Bench['read']>>, mark: 'accepted' | 'rejected'): Mark[] {
  return changes.files.flatMap(({ path, hunks }) => hunks.map(({ hunkId }) => ({ path, hunkId, mark })))
}
