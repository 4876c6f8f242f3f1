/** `bun run leak -- --runs N [--seed S]`: lives that end with a bill. Prints what is wrong, with the seed that shows it again. */
import { parseArgs } from 'node:util'
import { live } from './lifecycle.ts'

const { values } = parseArgs({ options: { runs: { type: 'string', default: '1000' }, seed: { type: 'string', default: '1' } } })
const runs = Number(values.runs)
const first = Number(values.seed)
if (!Number.isInteger(runs) || runs < 1 || !Number.isInteger(first)) {
  console.error('bun run leak -- --runs N [--seed S]')
  process.exit(2)
}
const startedAt = performance.now()
let wrong = 0
let requests = 0
for (let seed = first; seed < first + runs; seed += 1) {
  const { problems, script, requests: its } = await live(seed)
  requests += its
  if (problems.length === 0) continue
  wrong += 1
  console.log(`seed ${seed}: ${problems.join('; ')}\n  ${script.join(', ')}`)
}
console.log(`${runs} lives, ${requests} requests, ${wrong} with a leak or a loss, ${((performance.now() - startedAt) / 1000).toFixed(1)} s`)
process.exit(wrong === 0 ? 0 : 1)
