/**
 * `bun run attack -- --policy-off`: each rule that stands against an attack is taken out of a copy of this repository, and
 * the test of that attack has to fail there. `--only words|others` takes those whose name holds some of the words.
 */
import { parseArgs } from 'node:util'
import { POLICIES } from './policies.ts'
import { openScratch } from './policy-off.ts'

const { values } = parseArgs({ options: { 'policy-off': { type: 'boolean', default: false }, only: { type: 'string', default: '' } } })
if (!values['policy-off']) {
  for (const { attack, test, off } of POLICIES) console.log(`${attack}\n  refused by ${off.file}\n  tried in ${test.file} › ${test.name}`)
  process.exit(0)
}
const scratch = await openScratch()
let green = 0
try {
  const wanted = POLICIES.filter(({ attack }) => values.only.split('|').some((words) => attack.includes(words)))
  for (const policy of wanted) {
    const { outcome, seconds } = await scratch.tried(policy)
    if (outcome !== 'red') green++
    console.log(`${outcome === 'red' ? '✓' : '✗'} ${policy.attack}: ${outcome} (${seconds} s)`)
  }
  console.log(`${wanted.length - green} red, ${green} not`)
} finally {
  scratch.close()
}
process.exit(green === 0 ? 0 : 1)
