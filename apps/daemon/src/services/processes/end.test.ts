/** Whom the sweeps end, and whom they leave alone though they look alike. */
import { afterEach, expect, test } from 'bun:test'
import { randomBytes } from 'node:crypto'
import { endMarked, endTree } from './end.ts'
import { carries, listProcesses, readProcess, uidOf } from './table.ts'

const started: Bun.Subprocess[] = []
afterEach(async () => {
  for (const child of started.splice(0)) {
    child.kill('SIGKILL')
    await child.exited
  }
})
function run(argv: string[], env: Record<string, string> = {}, options: { detached?: boolean; uid?: number } = {}): Bun.Subprocess {
  const child = Bun.spawn(argv, { env: { PATH: process.env['PATH'] ?? '', ...env }, stdin: 'ignore', stdout: 'ignore', stderr: 'ignore', ...options })
  started.push(child)
  return child
}
const lives = (child: Bun.Subprocess): boolean => child.exitCode === null && child.signalCode === null && readProcess(child.pid)?.state !== 'Z'
/** A child has its environment when it has become its program. */
async function isProgram(child: Bun.Subprocess, name: string): Promise<void> {
  while (!(await Bun.file(`/proc/${child.pid}/comm`).text().catch(() => '')).startsWith(name)) await Bun.sleep(2)
}

test('ends what carries the mark, however it defends itself, and nobody who merely resembles it', async () => {
  const boot = randomBytes(12).toString('hex')
  const mark = `BERTH_MACHINE=${boot}`
  const ours = [
    run(['sleep', '1000'], { BERTH_MACHINE: boot }), run(['sleep', '1000'], { BERTH_MACHINE: boot }, { detached: true }),
    run(['bash', '-c', 'trap "" TERM HUP INT; while :; do sleep 0.1; done'], { BERTH_MACHINE: boot, LAST: 'x' }, { detached: true }),
  ]
  const decoys = [
    run(['sleep', '1000'], { BERTH_MACHINE: `${boot}0` }), run(['sleep', '1000'], { BERTH_MACHINE: boot.slice(0, -1) }), run(['sleep', '1000'], { XBERTH_MACHINE: boot }),
    run(['sleep', '1000'], { NOTE: `see BERTH_MACHINE=${boot}` }), run(['sleep', '1000'], { NOTE: `\n${mark}` }), run(['sleep', '1000'], { OTHER: boot }),
    run(['bash', '-c', 'exec -a "$0" sleep 1000', mark]), run(['sleep', '1000']),
  ]
  for (const child of [...ours.slice(0, 2), ...decoys]) await isProgram(child, 'sleep')
  await isProgram(ours[2] as Bun.Subprocess, 'bash')
  expect(ours.map(({ pid }) => carries(pid, mark))).toEqual([true, true, true])
  await endMarked(mark)
  expect(ours.map(lives)).toEqual([false, false, false])
  expect(decoys.map(lives)).toEqual(decoys.map(() => true))
}, 30_000)

test.skipIf(process.getuid?.() !== 0)('ends every process of the machine\'s own agent user, and none of another\'s', async () => {
  // Uids that nobody on this host has.
  const [agent, other] = [1_900_000_001, 1_900_000_002]
  const ours = [run(['sleep', '1000'], {}, { uid: agent }), run(['sleep', '1000'], { BERTH_MACHINE: 'not-this-one' }, { uid: agent, detached: true })]
  const decoys = [run(['sleep', '1000'], {}, { uid: other }), run(['sleep', '1000'], { AGENT: String(agent) })]
  for (const child of [...ours, ...decoys]) await isProgram(child, 'sleep')
  expect(ours.map(({ pid }) => uidOf(pid))).toEqual([agent, agent])
  await endMarked('BERTH_MACHINE=of-nobody', agent)
  expect(ours.map(lives)).toEqual([false, false])
  expect(decoys.map(lives)).toEqual([true, true])
}, 30_000)

test('ends a tree with its children in other sessions, and not its neighbours', async () => {
  const tag = randomBytes(6).toString('hex')
  const leader = run(['bash', '-c', 'setsid sleep 1000 & sleep 1000 & wait'], { TREE: tag }, { detached: true })
  const neighbour = run(['sleep', '1000'], { TREE: tag })
  const members = () => listProcesses().filter((entry) => entry.state !== 'Z' && carries(entry.pid, `TREE=${tag}`) && entry.pid !== neighbour.pid)
  while (members().length < 3) await Bun.sleep(5)
  await endTree(leader.pid)
  expect(members()).toEqual([])
  expect(lives(neighbour)).toBe(true)
}, 30_000)
