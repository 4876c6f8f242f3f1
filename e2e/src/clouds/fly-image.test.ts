/**
 * A prepared image at Fly: the usual one's layers and one more, put to the real registry program behind the simulator's door with
 * the token of the organization, and a workspace that begins with it: its machine fetches neither the daemon nor the agent.
 */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startFlyRegistry, type FlyRegistry } from '@berth/sim-fly'
import { docker, machineImage } from '@berth/sim-machine'
import { startScriptedModel, type ScriptedModel } from '@berth/testkit/scripted-model'
import type { Workspace } from '@berth/wire'
import type { ImageBuild, MachineImage } from '@berth/wire/images'
import { startProduct, type Product } from '../product.ts'
import { modelWords, setUpProviders } from '../providers.ts'
import { dirtyRepository } from '../repository.ts'
import { FLY_TOKEN, startFlyGround } from './fly-ground.ts'

const ground = startFlyGround('sim-fly-image')
const { fly, containers, bridge } = ground

let registry: FlyRegistry
let product: Product
let model: ScriptedModel
let repository: Awaited<ReturnType<typeof dirtyRepository>>
let base: string
beforeAll(async () => {
  registry = await startFlyRegistry(fly.world)
  containers.readFrom(registry)
  base = await putUsualImage()
  repository = await dirtyRepository()
  model = await startScriptedModel({ hostname: bridge })
  product = startProduct()
  setUpProviders(product.home, model)
  ground.setUp(product.home, { image: base, registry: registry.host })
}, 300_000)
afterAll(async () => {
  await product?.close()
  await model?.close()
  repository?.remove()
  await ground.close()
  await registry?.close()
  await docker(['image', 'rm', base], { mayFail: true })
}, 120_000)

/** By Docker itself, with a configuration of its own: what another tool puts there we read. */
async function putUsualImage(): Promise<string> {
  const name = `${registry.behind}/usual:1`
  const config = mkdtempSync(join(tmpdir(), 'docker-config-'))
  try {
    await docker(['tag', await machineImage(), name])
    await docker(['--config', config, 'push', '--quiet', name])
    return name
  } finally {
    rmSync(config, { recursive: true, force: true })
  }
}

const images = async () => (await product.json<{ images: MachineImage[] }>(['image', 'list', '--provider', 'fly'])).images

test('an image is put to the registry once, and a new workspace begins with the daemon and the agent in it', async () => {
  const { world, faulty, refused } = fly
  const built = await product.json<ImageBuild>(['image', 'build', 'fly', '--agent', 'claude'])
  expect(built).toMatchObject({ state: 'ready', failure: null, price: { currency: 'USD', monthlyMicrosPerGb: 0 }, image: { provider: 'fly', fits: true, base, monthlyMicros: null } })
  const name = built.image?.name ?? 'no name'
  expect(JSON.stringify(built)).not.toContain(FLY_TOKEN)
  // No machine was bought for it.
  expect(world.ledger.all()).toEqual([])
  const before = registry.asked.filter((asked) => asked.startsWith('PUT')).length
  await product.cli(['image', 'build', 'fly', '--agent', 'claude'])
  expect(registry.asked.filter((asked) => asked.startsWith('PUT')).length).toBe(before)

  const made = await product.json<Workspace>(['up', '.', '--provider', 'fly', '--prompt', 'please do [[work]] there', ...modelWords(model), '--approvals', 'skip', '--no-open', '-y'], { cwd: repository.dir })
  await model.waitFor((request) => JSON.stringify(request.body).includes('please do [[work]] there'))
  const [machine] = world.machines.values()
  expect(machine?.config.image).toBe(name)
  // As old as in the layer, and not as of a download.
  const { stdout } = await containers.machines.exec(machine?.id ?? '', ['sh', '-c', 'stat --format %Y /opt/berth/*/berth-daemon /opt/berth/agents/claude-*; ls /opt/berth/agents'])
  const [daemonAt, claudeAt, ...programs] = stdout.split('\n')
  expect([daemonAt, claudeAt, programs.filter((each) => each.startsWith('claude-')).length]).toEqual(['0', '0', 1])
  await product.cli(['delete', made.id, '-y'])

  expect(await images()).toMatchObject([{ name, fits: true }])
  await product.cli(['image', 'remove', 'fly', name])
  expect([await images(), world.apps.size, world.ledger.running(), [...faulty, ...refused, ...world.failed]]).toEqual([[], 0, [], []])
}, 600_000)
