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

test('a job for which nobody comes back is ended, one that is over or waited for is not', async () => {
  const jobs = createJobs<string>({ log: () => {}, first: 'begun', unwatchedMs: 30 })
  const ended: string[] = []
  const job = (key: string) => ({ key, keep: true, patienceMs: 1, make: ({ signal }: { signal: AbortSignal }) => new Promise<string>((_, reject) => signal.addEventListener('abort', () => { ended.push(key); reject(signal.reason as Error) })) })
  const done = { key: 'done', keep: true, patienceMs: 1000, make: () => Promise.resolve('made') }
  expect(await jobs.wait(done, context)).toEqual({ value: 'made' })
  const watching = jobs.wait({ ...job('watched'), patienceMs: 10_000 }, context).catch(() => 'ended')
  await jobs.wait(job('watched'), context)
  await jobs.wait(job('left'), context)
  while (ended.length === 0) await Bun.sleep(5)
  await Bun.sleep(60)
  expect(ended).toEqual(['left'])
  expect(await jobs.wait(done, context)).toEqual({ value: 'made' })
  jobs.end(() => true)
  expect(await watching).toBe('ended')
})
