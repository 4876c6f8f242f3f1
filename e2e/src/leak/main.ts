/** `bun run leak -- --runs N [--seed S] [--vendor V]`: lives that end with a bill. Prints what is wrong, with the seed that shows it again. */
import { parseArgs } from 'node:util'
import { openEc2 } from './ec2.ts'
import { openExec } from './exec.ts'
import { openFly, openForgetfulFly } from './fly.ts'
import { openFreestyle } from './freestyle.ts'
import { openHetzner } from './hetzner.ts'
import { openKubernetes } from './kubernetes.ts'
import { live } from './lifecycle.ts'
import { openLocal, openVm } from './own-host.ts'
import type { Open } from './vendor.ts'

const VENDORS: Readonly<Record<string, Open>> = { hetzner: openHetzner, ec2: openEc2, fly: openFly, 'fly-forgetful': openForgetfulFly, freestyle: openFreestyle, kubernetes: openKubernetes, exec: openExec, vm: openVm, local: openLocal }
/** Where each call is a program of its own, which starts while others do; elsewhere there is nothing to wait for. */
const AT_ONCE: Readonly<Record<string, number>> = { exec: 4 }

const { values } = parseArgs({ options: { runs: { type: 'string', default: '1000' }, seed: { type: 'string', default: '1' }, vendor: { type: 'string', default: 'hetzner' } } })
const runs = Number(values.runs)
const first = Number(values.seed)
const open = VENDORS[values.vendor]
if (!Number.isInteger(runs) || runs < 1 || !Number.isInteger(first) || open === undefined) {
  console.error(`bun run leak -- --runs N [--seed S] [--vendor ${Object.keys(VENDORS).join('|')}]`)
  process.exit(2)
}
const startedAt = performance.now()
let wrong = 0
let requests = 0
let next = first
async function oneAfterAnother(open: Open): Promise<void> {
  for (let seed = next++; seed < first + runs; seed = next++) {
    const { problems, script, requests: its } = await live(open, seed)
    requests += its
    if (problems.length === 0) continue
    wrong += 1
    console.log(`seed ${seed}: ${problems.join('; ')}\n  ${script.join(', ')}`)
  }
}
await Promise.all(Array.from({ length: AT_ONCE[values.vendor] ?? 1 }, () => oneAfterAnother(open)))
console.log(`${runs} lives, ${requests} requests, ${wrong} with a leak or a loss, ${((performance.now() - startedAt) / 1000).toFixed(1)} s`)
process.exit(wrong === 0 ? 0 : 1)
