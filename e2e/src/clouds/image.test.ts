/** A prepared image at Hetzner: made of a server that is given back, used by new workspaces, which start faster with it, and removed. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { startScriptedModel, type ScriptedModel } from '@berth/testkit/scripted-model'
import type { Workspace } from '@berth/wire'
import type { Cost } from '@berth/wire/cost'
import type { ImageBuild, MachineImage } from '@berth/wire/images'
import { startProduct, type Product } from '../product.ts'
import { modelWords, setUpProviders } from '../providers.ts'
import { dirtyRepository } from '../repository.ts'
import { startHetznerGround, type HetznerGround } from './hetzner-ground.ts'

let ground: HetznerGround
let product: Product
let model: ScriptedModel
let repository: Awaited<ReturnType<typeof dirtyRepository>>
beforeAll(async () => {
  ground = startHetznerGround()
  repository = await dirtyRepository()
  model = await startScriptedModel({ hostname: ground.bridge })
  product = startProduct()
  setUpProviders(product.home, model)
  ground.setUp(product.home)
})
afterAll(async () => {
  await product?.close()
  await model?.close()
  repository?.remove()
  await ground?.close()
}, 120_000)

const images = async () => (await product.json<{ images: MachineImage[] }>(['image', 'list', '--provider', 'hetzner'])).images
/** From the wish to the first question that the agent asks its model. */
async function upTo(name: string): Promise<{ id: string; tookMs: number; step: (wanted: string) => number }> {
  const before = performance.now()
  const made = await product.json<Workspace>(['up', '.', '--provider', 'hetzner', '--prompt', `please do [[work]] ${name}`, ...modelWords(model), '--approvals', 'skip', '--no-open', '-y', '--name', name], { cwd: repository.dir })
  await model.waitFor((request) => JSON.stringify(request.body).includes(`please do [[work]] ${name}`))
  const tookMs = performance.now() - before
  const { steps } = (await product.json<Workspace[]>(['list'])).find(({ id }) => id === made.id) ?? { steps: [] }
  return { id: made.id, tookMs, step: (wanted) => steps?.find(({ step }) => step === wanted)?.durationMs ?? 0 }
}

test('an image is made once, costs what is said, and new workspaces begin with it', async () => {
  const { world: { ledger, servers, snapshots }, faulty, refused } = ground.hetzner
  // The server and its toolbox are there before anything is measured.
  expect(await images()).toEqual([])
  const plain = await upTo('plain')
  await product.cli(['delete', plain.id, '-y'])

  const built = await product.json<ImageBuild>(['image', 'build', 'hetzner'])
  expect(built).toMatchObject({ state: 'ready', failure: null, price: { currency: 'EUR', monthlyMicrosPerGb: 14_300 }, image: { provider: 'hetzner', fits: true, base: 'debian-12', currency: 'EUR', monthlyMicros: 21_450 } })
  expect(built.log).toEqual(expect.arrayContaining(['the server fetches the daemon and the programs', 'the snapshot is made', 'the image is ready']))
  const imageName = built.image?.name ?? 'no name'
  // What it was made of is given back.
  expect([servers.size, ledger.running().map(({ kind }) => kind)]).toEqual([0, ['snapshot']])
  const bought = ledger.all().length
  const again = await product.cli(['image', 'build', 'hetzner'])
  expect(again.stdout).toContain(imageName)
  expect(again.stderr).toContain('€0.01 a GB and month')
  expect(ledger.all().length).toBe(bought)

  // It is in the ledger as in the vendor's, at its month's price by the hour.
  const inLedger = async () => (await product.json<{ costs: Cost[] }>(['cost'])).costs.filter(({ image }) => image !== null)
  const ofImages = async () => (await inLedger()).filter(({ image }) => image === imageName)
  // And the server that it was made of, whose begun hour counts whole.
  const madeOf = (await inLedger()).filter(({ image }) => image?.startsWith('made of ') === true)
  expect(madeOf).toMatchObject([{ workspaceId: null, userId: null, provider: 'hetzner', currency: 'EUR', unpricedMs: 0 }])
  const { hourly } = ledger.all().find(({ kind, name }) => kind === 'server' && name.endsWith('-image')) ?? { hourly: 0 }
  expect(madeOf.map(({ micros }) => micros)).toEqual([Math.round((hourly + 0.0008) * 1e6)])
  const counted = await ofImages()
  expect(counted).toMatchObject([{ image: imageName, workspaceId: null, userId: null, provider: 'hetzner', currency: 'EUR' }])
  expect(counted.map(({ micros }) => micros)).toEqual(counted.map(({ stoppedMs }) => Math.ceil(stoppedMs * Math.ceil(21_450 / 730) / 3_600_000)))
  expect((await product.cli(['cost'])).stdout).toContain(`image ${imageName}`)

  const prepared = await upTo('prepared')
  expect([...servers.values()].map(({ image }) => String(image.id))).toEqual([imageName])
  // Nothing of the machine that it was made of is in it; its host keys are made by the new one.
  const [server] = [...servers.values()]
  const { stdout } = await ground.containers.machines.exec(ground.containers.nameOf(server ?? { id: 0 }), ['sh', '-c', 'ls /usr/local/sbin/berth-make-image /etc/systemd/system/berth-image.service 2>/dev/null; grep -rlE "Bearer img_" /etc /var/lib/cloud /var/log 2>/dev/null; true'])
  expect(stdout).toBe('')
  console.log(`to the first question: ${Math.round(plain.tookMs)} ms plain, ${Math.round(prepared.tookMs)} ms prepared (${(prepared.tookMs / plain.tookMs).toFixed(2)}x); dial ${plain.step('dial')} and ${prepared.step('dial')}, agent ${plain.step('agent')} and ${prepared.step('agent')}`)

  expect(await images()).toMatchObject([{ name: imageName, fits: true }])
  await product.cli(['image', 'remove', 'hetzner', imageName])
  expect([await images(), snapshots.size]).toEqual([[], 0])
  const ended = await ofImages()
  expect(ended.map(({ image }) => image)).toEqual([imageName])
  expect(await ofImages()).toEqual(ended)
  await product.cli(['delete', prepared.id, '-y'])
  expect([ledger.running(), [...faulty, ...refused]]).toEqual([[], []])
}, 600_000)
