/** `bun run crash -- --runs 1000 [--seed N] [--real N]`: a sweep by hand. Exit 1: the product broke a promise. */
import { parseArgs } from 'node:util'
import { runCrashes } from './sweep.ts'

const { values } = parseArgs({
  args: process.argv.slice(2),
  options: { runs: { type: 'string', default: '60' }, seed: { type: 'string' }, real: { type: 'string', default: '1' }, json: { type: 'boolean', default: false } },
})
const seed = Number(values.seed ?? Math.floor(Math.random() * 1_000_000))
const stop = new AbortController()
const say = (line: string): void => { process.stderr.write(`${line}\n`) }
say(`seed ${seed}`)
// What was started is ended by the sweep itself; killed half way, it would leave a product behind.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => { say(`${signal}: closing`); stop.abort() })
const report = await runCrashes({ runs: Number(values.runs), seed, real: Number(values.real), log: say, signal: stop.signal })
if (values.json) process.stdout.write(`${JSON.stringify(report)}\n`)
else {
  const kills = Object.entries(report.kills).map(([kind, count]) => `${kind} ${count}`).join(', ')
  process.stdout.write(`seed ${seed}, ${report.runs} runs: killed ${kills} (${report.real} hit a real Claude Code); ${report.numbers} numbers, ${report.events} events, ${report.approvals} approvals\n`)
  for (const complaint of report.complaints) process.stdout.write(`  ${complaint}\n`)
  process.stdout.write(report.complaints.length === 0 ? 'nothing was lost, doubled, reordered or leaked\n' : `${report.complaints.length} promises broken\n`)
}
process.exit(report.complaints.length === 0 ? 0 : 1)
