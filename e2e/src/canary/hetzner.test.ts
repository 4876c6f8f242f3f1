/** The same on a server of a cloud: what the vendor gives to every machine, its instructions and its metadata, too. */
import { expect, test } from 'bun:test'
import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startHetznerGround } from '../clouds/hetzner-ground.ts'
import { canaryOn, UP_MS } from './cloud.ts'

const token = randomBytes(48).toString('base64url')
const ground = startHetznerGround()
const { hetzner } = ground
const { world } = hetzner
world.tokens.set(token, 'read-write')
const canary = canaryOn({
  provider: 'hetzner', close: ground.close, secrets: { 'token of the vendor': token },
  setUp(home, config) {
    ground.setUp(home, config)
    writeFileSync(join(home, 'providers/hetzner.token'), token, { mode: 0o600 })
  },
  async linkTokenOf({ id }) {
    const server = [...world.servers.values()].find(({ name }) => name.includes(id.replace('ws_', '')))
    if (server === undefined) throw new Error(`no server is there for ${id}`)
    const { stdout } = await ground.containers.machines.exec(ground.containers.nameOf(server), ['cat', '/var/lib/berth/link-token.json'])
    return (JSON.parse(stdout) as { linkToken: string }).linkToken
  },
})

test('on a server of Hetzner the agent comes to no secret', () => canary.meetsNothing(), UP_MS)
test('where a person puts a token into a server of Hetzner, the same search finds it', () => canary.meetsWhatAPersonPutIn(), UP_MS)
test('on a server of Hetzner the agent becomes root by no program that is there', () => canary.becomesNoRoot(), UP_MS)

test('a server of Hetzner asks nobody for its metadata, and its agent cannot change that', async () => {
  const { product } = canary.world().at
  // Refused by the machine's own route; another address of that network is only not there.
  const ask = (address: string): Promise<string> => product.cli(['run', 'demo', '--', 'python3', '-c', `import socket\ntry: socket.create_connection((${JSON.stringify(address)}, 80), 1); print("reached")\nexcept OSError as error: print(type(error).__name__)`]).then(({ stdout }) => stdout.trim())
  expect(await ask('169.254.169.254')).toBe('PermissionError')
  expect(await ask('169.254.169.253')).not.toBe('PermissionError')
  expect((await product.cli(['run', 'demo', '--', 'ip', 'route', 'del', 'prohibit', '169.254.169.254/32'], { exit: null })).stderr).toContain('Operation not permitted')
  expect(await ask('169.254.169.254')).toBe('PermissionError')
  expect([...hetzner.faulty, ...hetzner.refused]).toEqual([])
}, UP_MS)
