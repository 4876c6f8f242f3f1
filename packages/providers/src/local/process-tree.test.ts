import { afterEach, expect, test } from 'bun:test'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { isAlive, LOCAL_MARK, markedProcesses, signalProcess, sweep } from './process-tree.ts'

const signal = new AbortController().signal
const started: Bun.Subprocess[] = []
afterEach(async () => {
  for (const child of started.splice(0)) {
    child.kill('SIGKILL')
    await child.exited
  }
})
async function run(env: Record<string, string>, argv = ['sleep', '1000']): Promise<Bun.Subprocess> {
  const child = Bun.spawn(argv, { env: { PATH: process.env['PATH'] ?? '', ...env }, stdin: 'ignore', stdout: 'ignore', stderr: 'ignore' })
  started.push(child)
  while (!(await Bun.file(`/proc/${child.pid}/comm`).text().catch(() => '')).startsWith('sleep')) await Bun.sleep(2)
  return child
}
const lives = async (child: Bun.Subprocess): Promise<boolean> => (await Promise.race([child.exited.then(() => false), Bun.sleep(50).then(() => true)]))

test.skipIf(process.platform !== 'linux')('sweeps a machine\'s processes and nobody who merely resembles them', async () => {
  const installation = randomBytes(16).toString('hex')
  const key = `${installation}/ws_aaaabbbbcccc/1`
  const ours = [await run({ [LOCAL_MARK]: key }), await run({ FIRST: 'x', [LOCAL_MARK]: key, LAST: 'y' })]
  const decoys = [
    await run({ [LOCAL_MARK]: `${key}2` }), await run({ [LOCAL_MARK]: `${installation}/ws_aaaabbbbcccc/2` }), await run({ [LOCAL_MARK]: `${installation}/ws_aaaabbbbcccc` }),
    await run({ [`X${LOCAL_MARK}`]: key }), await run({ NOTE: `${LOCAL_MARK}=${key}` }), await run({ NOTE: `\n${LOCAL_MARK}=${key}\n` }), await run({ [LOCAL_MARK]: '', OTHER: key }),
    await run({}, ['bash', '-c', 'exec -a "$0" sleep 1000', `${LOCAL_MARK}=${key}`]),
  ]
  expect((await markedProcesses(LOCAL_MARK, (value) => value === key)).map(({ pid }) => pid).sort()).toEqual(ours.map(({ pid }) => pid).sort())
  await sweep(LOCAL_MARK, key, signal)
  for (const child of ours) await child.exited
  expect(await Promise.all(decoys.map(lives))).toEqual(decoys.map(() => true))
}, 30_000)

test.skipIf(process.platform !== 'linux')('since when a process runs does not hang on when it is looked at', async () => {
  const key = `${randomBytes(16).toString('hex')}/ws_aaaabbbbcccc/1`
  const before = Date.now()
  await run({ [LOCAL_MARK]: key })
  const after = Date.now()
  await Bun.sleep(1000)
  const [first] = await markedProcesses(LOCAL_MARK, (value) => value === key)
  // The kernel counts in hundredths of a second.
  expect(first?.startedAt).toBeGreaterThan(before - 100)
  expect(first?.startedAt).toBeLessThan(after + 100)
}, 30_000)

test('a pid alone is nobody: another start or another boot of the host is another process', async () => {
  const child = await run({})
  const stat = readFileSync(`/proc/${child.pid}/stat`, 'utf8')
  const file = { pid: child.pid, startTime: stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '', bootId: readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim(), startedAt: 0 }
  expect(isAlive(file)).toBe(true)
  for (const other of [{ ...file, startTime: String(Number(file.startTime) - 1) }, { ...file, bootId: 'another' }]) {
    expect(isAlive(other)).toBe(false)
    signalProcess(other, 'SIGKILL')
  }
  expect(await lives(child)).toBe(true)
  signalProcess(file, 'SIGKILL')
  await child.exited
  expect(isAlive(file)).toBe(false)
}, 30_000)
