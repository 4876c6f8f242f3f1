/**
 * `subscribers.ts <url> <count>`: so many readers of one event stream. Says `ready`; then, for each line on stdin (a mark),
 * answers with the times at which each reader had that mark, as soon as all have it.
 */
import { createWallClock } from '../wall-clock.ts'

const [url = '', count = '0'] = process.argv.slice(2)
const token = process.env['BENCH_TOKEN'] ?? ''
const now = createWallClock()
/** By mark: the times at which it came. A mark is looked for in whole messages only. */
const arrivals = new Map<string, number[]>()
const waiting = new Map<string, () => void>()
const MARK = /"seq":\d+,/g

await Promise.all(Array.from({ length: Number(count) }, subscribe))
process.stdout.write('ready\n')
for await (const mark of console) {
  if ((arrivals.get(mark)?.length ?? 0) < Number(count)) await new Promise<void>((resolve) => waiting.set(mark, resolve))
  process.stdout.write(`${JSON.stringify(arrivals.get(mark) ?? [])}\n`)
  arrivals.delete(mark)
}

async function subscribe(): Promise<void> {
  const response = await fetch(url, { headers: token === '' ? {} : { authorization: `Bearer ${token}` } })
  const reader = response.body?.getReader()
  if (!response.ok || reader === undefined) throw new Error(`the server answered ${response.status}`)
  await reader.read()
  void read(reader)
}

async function read(reader: { read(): Promise<{ done: boolean; value?: Uint8Array | undefined }> }): Promise<void> {
  let rest = ''
  for (;;) {
    const { done, value } = await reader.read()
    if (done || value === undefined) return
    const text = rest + Buffer.from(value).toString('latin1')
    const end = text.lastIndexOf('\n\n')
    rest = text.slice(end + 2)
    for (const [mark] of text.slice(0, end + 2).matchAll(MARK)) arrived(mark)
  }
}

function arrived(mark: string): void {
  const times = arrivals.get(mark) ?? []
  times.push(now())
  arrivals.set(mark, times)
  if (times.length === Number(count)) waiting.get(mark)?.()
}
