import { expect, test } from 'bun:test'
import { createJobs } from './jobs.ts'

const context = { signal: new AbortController().signal }
const open = () => createJobs<string>({ log: () => {}, first: 'begun' })

test('a job that nobody wants any more is ended, and begun anew when somebody does', async () => {
  const jobs = open()
  const signals: AbortSignal[] = []
  const job = (key: string) => ({ key, keep: true, patienceMs: 1, make: ({ signal }: { signal: AbortSignal }) => { signals.push(signal); return new Promise<string>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error))) } })
  expect(await jobs.wait(job('project one 1'), context)).toEqual({ detail: 'begun' })
  expect(await jobs.wait(job('project two 1'), context)).toEqual({ detail: 'begun' })
  const waiting = jobs.wait({ ...job('project one 1'), patienceMs: 60_000 }, context)
  jobs.end((key) => key.startsWith('project one '))
  await expect(waiting).rejects.toThrow('nobody wants it')
  expect(signals.map(({ aborted }) => aborted)).toEqual([true, false])
  await jobs.wait(job('project one 1'), context)
  await jobs.wait(job('project two 1'), context)
  expect(signals).toHaveLength(3)
})
