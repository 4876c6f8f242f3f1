import { expect, test } from 'bun:test'
import type { ProcessEntry } from '../processes/table.ts'
import { createMachineLoad } from './machine-load.ts'

const entry = (pid: number, cpuTicks: number, more: Partial<ProcessEntry> = {}): ProcessEntry => ({ pid, parent: 1, group: pid, session: pid, state: 'S', cpuTicks, startTicks: 5, residentPages: 10, ...more })
function bench(first: ProcessEntry[]) {
  const world = { at: 0, list: first }
  const load = createMachineLoad({ ownCgroup: false, isOurs: ({ pid }) => pid < 100, list: () => world.list, now: () => world.at })
  return { world, load }
}

test('tells the mean cores of the workspace\'s processes since the last look', () => {
  const { world, load } = bench([entry(10, 100), entry(500, 0)])
  world.at = 2000
  // One second of one core in two, and a stranger that burns.
  world.list = [entry(10, 200), entry(500, 9000)]
  expect(load.cores()).toBe(0.5)
  world.at = 2500
  world.list = [entry(10, 900)]
  expect(load.cores()).toBe(0.5)
  world.at = 4000
  expect(load.cores()).toBe(3.5)
})

test('counts a new process whole, and never goes below nothing when one ends or a pid comes back', () => {
  const { world, load } = bench([entry(10, 1000), entry(11, 500)])
  world.at = 1000
  world.list = [entry(12, 50)]
  expect(load.cores()).toBe(0.5)
  world.at = 2000
  world.list = [entry(12, 20, { startTicks: 77 })]
  expect(load.cores()).toBe(0.2)
})

test('adds up the memory of its own', () => {
  const { load } = bench([entry(10, 0), entry(11, 0), entry(900, 0, { residentPages: 1_000_000 })])
  expect(load.memoryBytes()).toBe(20 * 4096)
  const real = createMachineLoad({ ownCgroup: false, isOurs: ({ pid }) => pid === process.pid })
  expect(real.memoryBytes()).toBeGreaterThan(10 * 1024 * 1024)
})
