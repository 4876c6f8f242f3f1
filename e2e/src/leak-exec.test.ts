/** Machines of a person's own commands: nothing stands that nobody wants, wherever a command is cut off and whenever the server dies. */
import { expect, test } from 'bun:test'
import { openExec } from './leak/exec.ts'
import { live } from './leak/lifecycle.ts'

/** Each call starts a program. */
const LIVES = Number(process.env['BERTH_LIVES'] ?? 4)

test(`after ${LIVES} random lives nothing stands but what is wanted, and nothing when all is deleted`, async () => {
  for (let seed = 1; seed <= LIVES; seed += 1) expect({ seed, ...(await live(openExec, seed)) }).toMatchObject({ seed, problems: [] })
}, 600_000)
