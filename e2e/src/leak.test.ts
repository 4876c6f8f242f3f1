/** Nothing is paid for that nobody wants, whatever the vendor does and whenever the server dies; and what would leak is found. */
import { describe, expect, test } from 'bun:test'
import { openEc2 } from './leak/ec2.ts'
import { EC2_MUTANTS } from './leak/ec2-mutants.ts'
import { openFly, openForgetfulFly } from './leak/fly.ts'
import { FLY_MUTANTS } from './leak/fly-mutants.ts'
import { openFreestyle } from './leak/freestyle.ts'
import { FREESTYLE_MUTANTS } from './leak/freestyle-mutants.ts'
import { openHetzner } from './leak/hetzner.ts'
import { openKubernetes } from './leak/kubernetes.ts'
import { KUBERNETES_MUTANTS } from './leak/kubernetes-mutants.ts'
import { live } from './leak/lifecycle.ts'
import { MUTANTS } from './leak/mutants.ts'
import { POOL_MUTANTS } from './leak/pool-mutants.ts'

const LIVES = 300
/** What the reconciler does is tried with the others; these try the provider. */
const EC2_LIVES = 100
const KUBERNETES_LIVES = 100
const FLY_LIVES = 40
const FREESTYLE_LIVES = 60
/** Lists of volumes that do not show the oldest, one after another. */
const FORGETFUL_LIVES = 40
/** One in which what never got ready was given back with its disk, and is wanted again. */
const GIVEN_BACK = 7_000_119
/** One in which a list lags when a volume is bought, and again when the machine is. */
const TWO_VOLUMES = 7_000_488
const seeds = (lives: number): number[] => Array.from({ length: lives }, (_, at) => at + 1)
/** Seeds after which a mutant that was not found is one that cannot be. */
const TRIES = 300

for (const { vendor, open, lives, more = [] } of [{ vendor: 'Amazon EC2', open: openEc2, lives: EC2_LIVES }, { vendor: 'Fly', open: openFly, lives: FLY_LIVES, more: [TWO_VOLUMES] }, { vendor: 'Fly, whose lists forget', open: openForgetfulFly, lives: FORGETFUL_LIVES }, { vendor: 'Freestyle', open: openFreestyle, lives: FREESTYLE_LIVES }]) {
  test(`the bill of ${lives} random lives at ${vendor} comes to what is wanted, and to nothing when all is deleted`, async () => {
    for (const seed of [...seeds(lives), ...more]) expect({ seed, ...(await live(open, seed)) }).toMatchObject({ seed, problems: [] })
  }, 300_000)
}

test(`the bill of ${LIVES} random lives comes to what is wanted, and to nothing when all is deleted`, async () => {
  for (const seed of [...seeds(LIVES), GIVEN_BACK]) expect({ seed, ...(await live(openHetzner, seed)) }).toMatchObject({ seed, problems: [] })
}, 300_000)

test(`nothing stands on Kubernetes after ${KUBERNETES_LIVES} random lives but what is wanted, and nothing when all is deleted`, async () => {
  for (let seed = 1; seed <= KUBERNETES_LIVES; seed += 1) expect({ seed, ...(await live(openKubernetes, seed)) }).toMatchObject({ seed, problems: [] })
}, 300_000)

describe('a fault of ours is found', () => {
  const all = [...Object.entries(MUTANTS).map(([name, mutant]) => ({ name, mutant, open: openHetzner })), ...Object.entries(EC2_MUTANTS).map(([name, mutant]) => ({ name: `Amazon EC2: ${name}`, mutant, open: openEc2 })), ...Object.entries(KUBERNETES_MUTANTS).map(([name, mutant]) => ({ name: `Kubernetes: ${name}`, mutant, open: openKubernetes })), ...Object.entries(FLY_MUTANTS).map(([name, mutant]) => ({ name: `Fly: ${name}`, mutant, open: openFly })), ...Object.entries(POOL_MUTANTS).map(([name, mutant]) => ({ name: `a pool: ${name}`, mutant, open: openEc2 })), ...Object.entries(FREESTYLE_MUTANTS).map(([name, mutant]) => ({ name: `Freestyle: ${name}`, mutant, open: openFreestyle }))]
  for (const { name, mutant, open } of all) {
    test(name, async () => {
      let found: readonly string[] = []
      for (let seed = mutant.seed; seed < mutant.seed + TRIES && found.length === 0; seed += 1) found = (await live(open, seed, mutant)).problems
      expect(found.length).toBeGreaterThan(0)
    }, 300_000)
  }
})
