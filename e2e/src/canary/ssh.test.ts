/** The same on a host of a person's own that workspaces share: the key that lets the server in, and what the host is besides. */
import { test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { startSshGround } from '../clouds/ssh-ground.ts'
import { canaryOn, UP_MS } from './cloud.ts'

const ground = await startSshGround('canary-ssh')
const { host, setUp, close } = ground
/** The row of its file that holds the private part; those before it say the public one. */
const privateRow = readFileSync(host.identityFile, 'utf8').split('\n')[4] ?? ''
if (!/^[A-Za-z0-9+/]{70}$/.test(privateRow)) throw new Error('the key of the host has no row that is secret')
const canary = canaryOn({
  provider: 'ssh', close,
  setUp: (home, config) => setUp(home, config),
  secrets: { 'key of the host': privateRow },
  async linkTokenOf({ id }) {
    const { linkToken } = JSON.parse(await host.exec(`find /var/lib/berth -path '*${id}*' -name link-token.json -exec cat {} +`)) as { linkToken: string }
    return linkToken
  },
})

test('on a host by ssh the agent comes to no secret', () => canary.meetsNothing(), UP_MS)
test('where a person puts a token into a workspace on such a host, the same search finds it', () => canary.meetsWhatAPersonPutIn(), UP_MS)
test('on a host by ssh the agent becomes root by no program that is there', () => canary.becomesNoRoot(), UP_MS)
