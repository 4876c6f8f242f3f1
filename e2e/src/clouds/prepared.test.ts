/**
 * Prepared images where a machine's disk is copied: one is made of a machine that is given back, and the machine of a new
 * workspace boots from it. Hetzner's: image.test.ts. Fly's, which has no machine to copy: fly-image.test.ts.
 */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createContainers as createInstances, REGION, startEc2 } from '@berth/sim-ec2'
import { createContainers as createVms, startFreestyle } from '@berth/sim-freestyle'
import type { Machines } from '@berth/sim-machine'
import { startScriptedModel, type ScriptedModel } from '@berth/testkit/scripted-model'
import type { Workspace } from '@berth/wire'
import type { ImageBuild, MachineImage } from '@berth/wire/images'
import { startProduct, type Product } from '../product.ts'
import { modelHost, modelWords, setUpProviders } from '../providers.ts'
import { dirtyRepository } from '../repository.ts'
import { openWayIn } from './way-in.ts'

interface Vendor {
  /** What `providers/` of the home holds. */
  readonly files: Readonly<Record<string, string>>
  readonly machines: Machines
  running(): readonly { readonly id: string; readonly image: string }[]
  /** Kinds of what is paid for now. */
  paid(): readonly string[]
  /** What was asked otherwise than the vendor describes, or could not be played. */
  wrong(): readonly unknown[]
  close(): Promise<void>
}

function openEc2(): Vendor {
  const containers = createInstances(`sim-ec2-image-${process.pid}`, '/mnt/berth')
  const { world, url, faulty, refused, close } = startEc2({ backend: containers })
  world.keys.set('AKIAEXAMPLE', { secret: 'secret/of+the/test' })
  return {
    files: { 'ec2.yaml': `endpoint: ${url}\nregion: ${REGION}\n`, 'ec2.credentials': '[default]\naws_access_key_id = AKIAEXAMPLE\naws_secret_access_key = secret/of+the/test\n' },
    machines: containers.machines,
    running: () => [...world.instances.values()].filter(({ state }) => state !== 'terminated').map(({ id, image }) => ({ id, image: image.id })),
    paid: () => world.ledger.running().map(({ kind }) => kind),
    wrong: () => [...faulty, ...refused, ...world.failed],
    async close() {
      await close()
      await containers.close()
    },
  }
}

function openFreestyle(): Vendor {
  const containers = createVms(`sim-freestyle-image-${process.pid}`)
  const { world, url, faulty, refused, close } = startFreestyle({ backend: containers })
  world.keys.add('fs_example')
  return {
    files: { 'freestyle.yaml': `endpoint: ${url}\n`, 'freestyle.token': 'fs_example' },
    machines: containers.machines,
    running: () => [...world.vms.values()].map(({ id, snapshot }) => ({ id, image: snapshot })),
    paid: () => world.ledger.running().map(({ kind }) => kind),
    wrong: () => [...faulty, ...refused, ...world.failed],
    async close() {
      await close()
      await containers.close()
    },
  }
}

describe.each([['ec2', openEc2], ['freestyle', openFreestyle]] as const)('at %s', (provider, open) => {
  const bridge = modelHost('docker')
  const wayIn = openWayIn(bridge)
  let vendor: Vendor
  let product: Product
  let model: ScriptedModel
  let repository: Awaited<ReturnType<typeof dirtyRepository>>
  beforeAll(async () => {
    vendor = open()
    repository = await dirtyRepository()
    model = await startScriptedModel({ hostname: bridge })
    product = startProduct()
    setUpProviders(product.home, model)
    writeFileSync(join(product.home, 'config.yaml'), wayIn.config)
    mkdirSync(join(product.home, 'providers'), { recursive: true })
    for (const [name, content] of Object.entries(vendor.files)) writeFileSync(join(product.home, 'providers', name), content, { mode: 0o600 })
  }, 120_000)
  afterAll(async () => {
    await product?.close()
    await model?.close()
    repository?.remove()
    wayIn.close()
    await vendor?.close()
  }, 120_000)

  const images = async () => (await product.json<{ images: MachineImage[] }>(['image', 'list', '--provider', provider])).images

  test('an image is made once, and the machine of a new workspace boots from it with all that it needs', async () => {
    const built = await product.json<ImageBuild>(['image', 'build', provider, '--agent', 'claude'])
    expect(built).toMatchObject({ state: 'ready', failure: null, image: { provider, fits: true } })
    const name = built.image?.name ?? 'no name'
    // What it was made of is given back.
    expect([vendor.running(), vendor.paid()]).toEqual([[], ['snapshot']])
    expect(await product.json<ImageBuild>(['image', 'build', provider, '--agent', 'claude'])).toMatchObject({ image: { name } })

    const builtAt = Date.now()
    const made = await product.json<Workspace>(['up', '.', '--provider', provider, '--prompt', 'please do [[work]] there', ...modelWords(model), '--approvals', 'skip', '--no-open', '-y'], { cwd: repository.dir })
    await model.waitFor((request) => JSON.stringify(request.body).includes('please do [[work]] there'))
    expect(vendor.running().map(({ image }) => image)).toEqual([name])
    const inside = async (script: string): Promise<string> => (await vendor.machines.exec(vendor.running()[0]?.id ?? '', ['sh', '-c', script])).stdout
    // Nothing fetched it again, and nothing is left of how it was made.
    expect(Number(await inside('stat --format %Z /opt/berth/*/berth-daemon')) * 1000).toBeLessThanOrEqual(builtAt)
    expect((await inside('ls /opt/berth/agents')).split('\n').filter((each) => each.startsWith('claude-'))).toHaveLength(1)
    expect(await inside('grep -rlE "Bearer img_" /etc /root /var/lib/cloud /var/log 2>/dev/null; true')).toBe('')
    await product.cli(['delete', made.id, '-y'])

    expect(await images()).toMatchObject([{ name, fits: true }])
    await product.cli(['image', 'remove', provider, name])
    expect([await images(), vendor.running(), vendor.paid(), vendor.wrong()]).toEqual([[], [], [], []])
  }, 600_000)
})
