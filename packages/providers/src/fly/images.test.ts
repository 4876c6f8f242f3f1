/** Images at Fly against the real registry program behind the simulator's door: made of a base of another registry, and of nothing but requests. */
import { afterEach, beforeEach, expect, setDefaultTimeout, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ImageWanted, MachineImage, Owner, Provider, ProviderImages, Step } from '@berth/core'
import { startFly, startFlyRegistry, type FlyRegistry, type FlySim } from '@berth/sim-fly'
import { createRegistry, digestOf, OCI, parseReference } from '../oci-registry.ts'
import { createFlyProvider } from './index.ts'

setDefaultTimeout(60_000)
const TOKEN = 'fm2_example'
const INSTALLATION = 'a'.repeat(32)
const HASHES = Array.from({ length: 8 }, (_, at) => String(at + 1).repeat(16))
const [ONE = '', TWO = ''] = HASHES
const signal = new AbortController().signal
const MINUTE = 60_000

let dir: string
let fly: FlySim
let registry: FlyRegistry
let base: string
let logged: string[]
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'fly-images-'))
  for (const hash of HASHES) {
    mkdirSync(join(dir, hash))
    writeFileSync(join(dir, hash, 'berth-daemon'), `daemon ${hash}`)
    chmodSync(join(dir, hash, 'berth-daemon'), 0o755)
  }
  mkdirSync(join(dir, 'agents/claude-1.2.3/bin'), { recursive: true })
  writeFileSync(join(dir, 'agents/claude-1.2.3/bin/claude'), 'the program')
  fly = startFly()
  fly.world.tokens.set(TOKEN, { org: 'berth' })
  registry = await startFlyRegistry(fly.world)
  base = await putBase('base')
  logged = []
})
afterEach(async () => {
  const complaints = [...fly.faulty, ...fly.refused, ...fly.world.failed.map(String)]
  await registry.close()
  await fly.close()
  rmSync(dir, { recursive: true, force: true })
  expect(complaints).toEqual([])
})

/** An image for two kinds of processors, of one layer, as registries have them. */
async function putBase(name: string): Promise<string> {
  const open = createRegistry({ host: registry.behind, credential: null })
  const put = async (content: string | Uint8Array<ArrayBuffer>) => {
    await Bun.write(join(dir, 'blob'), content)
    const blob = { digest: digestOf(content), size: Buffer.byteLength(content) }
    await open.upload(name, blob, join(dir, 'blob'), signal)
    return blob
  }
  writeFileSync(join(dir, 'hello'), 'hello')
  const layer = new Uint8Array(Bun.spawnSync(['tar', '--create', '--directory', dir, 'hello']).stdout)
  const manifests = []
  for (const architecture of ['arm64', 'amd64']) {
    const config = await put(JSON.stringify({ architecture, os: 'linux', config: { Env: ['PATH=/bin'], User: 'root' }, rootfs: { type: 'layers', diff_ids: [digestOf(layer)] }, history: [{ created_by: 'base' }] }))
    const text = JSON.stringify({ schemaVersion: 2, mediaType: OCI.manifest, config: { mediaType: OCI.config, ...config }, layers: [{ mediaType: OCI.layer, ...await put(Bun.gzipSync(layer)) }] })
    await open.putManifest(name, digestOf(text), { mediaType: OCI.manifest, text }, signal)
    manifests.push({ mediaType: OCI.manifest, digest: digestOf(text), size: text.length, platform: { os: 'linux', architecture } })
  }
  await open.putManifest(name, 'one', { mediaType: OCI.index, text: JSON.stringify({ schemaVersion: 2, mediaType: OCI.index, manifests }) }, signal)
  return `${registry.behind}/${name}:one`
}

const make = (over: { token?: string; image?: string } = {}): Provider & { images: ProviderImages } => {
  const { token = `FlyV1 ${TOKEN}`, image = base } = over
  // It has them: they are what is tried here.
  return createFlyProvider({ installation: INSTALLATION, token: () => token, log: (line) => void logged.push(line), endpoint: fly.url, organization: 'berth', image, registry: registry.host, now: fly.world.now }) as Provider & { images: ProviderImages }
}
const wanted = (hash = ONE): ImageWanted => ({ toolbox: { hostDir: dir, hash }, programs: ['claude-1.2.3'], link: { publicUrl: null, token: 'img' } })
async function through<T>(step: () => Promise<Step<T>>): Promise<T> {
  for (let tries = 0; tries < 20; tries += 1) {
    const result = await step().catch((error: Error & { category?: string }) => {
      if (error.category !== 'transient') throw error
      return null
    })
    if (result?.done === true) return result.value
  }
  throw new Error('no end')
}
const build = (provider = make(), of = wanted()): Promise<MachineImage> => through(() => provider.images.build(of, { signal, log: (line) => void logged.push(line) }))

test('one has the base of its processor and a layer with the daemon and the programs where machines look for them', async () => {
  const made = await build()
  expect(made).toMatchObject({ state: 'ready', toolbox: ONE, base, currency: 'USD', monthlyMicros: null })
  const { repository, reference } = parseReference(made.name)
  const behind = createRegistry({ host: registry.behind, credential: null })
  const manifest = JSON.parse((await behind.manifest(repository, reference, signal))?.text ?? '{}')
  const read = async (blob: { digest: string; size: number }) => {
    await behind.download(repository, blob, join(dir, 'read'), signal)
    return Buffer.from(await Bun.file(join(dir, 'read')).arrayBuffer())
  }
  const config = JSON.parse(String(await read(manifest.config)))
  const layer = Bun.gunzipSync(await read(manifest.layers[1]))
  expect(config).toMatchObject({ architecture: 'amd64', config: { Env: ['PATH=/bin'], User: 'root' }, history: [{ created_by: 'base' }, { created_by: 'berth image build' }] })
  expect(config.rootfs.diff_ids[1]).toBe(`sha256:${createHash('sha256').update(layer).digest('hex')}`)
  const listed = Bun.spawnSync(['tar', '--list', '--verbose', '--numeric-owner'], { stdin: layer }).stdout.toString()
  expect(listed).toMatch(new RegExp(`-rwxr-xr-x 0/0 .* opt/berth/${ONE}/berth-daemon\n`))
  expect(listed).toMatch(/opt\/berth\/agents\/claude-1\.2\.3\/bin\/claude\n/)
  expect(listed).toMatch(new RegExp(`opt/berth/${ONE}/agents -> \\.\\./agents\n`))
})

test('it is made once, replaces that of another daemon, and costs no machine', async () => {
  const one = await build()
  const before = registry.asked.filter((asked) => !asked.startsWith('GET')).length
  expect((await build()).name).toBe(one.name)
  expect(registry.asked.filter((asked) => !asked.startsWith('GET')).length).toBe(before)
  const two = await build(make(), wanted(TWO))
  expect((await make().images.list(signal)).items.map(({ name }) => name)).toEqual([two.name])
  await make().images.remove(two.name, { signal })
  await make().images.remove(two.name, { signal })
  expect([fly.world.apps.size, fly.world.ledger.all()]).toEqual([0, []])
})

test('it is not made by a list that has not all', async () => {
  await build()
  fly.world.faults.push({ path: /^\/apps$/, times: 1, what: { kind: 'stale' } })
  expect(await make().images.build(wanted(), { signal }).catch(String)).toContain('only a part')
})

test('whichever answer fails, before or after it was done, one image is made in the end', async () => {
  for (const [at, fault] of [
    { method: 'POST', path: /uploads/, status: 500 }, { method: 'PUT', path: /uploads/, status: 502, after: true }, { method: 'PUT', path: /manifests/, status: 503 }, { method: 'PUT', path: /manifests/, status: 503, after: true }, { method: 'GET', path: /manifests/, status: 500 },
  ].entries()) {
    registry.faults.push(fault)
    const made = await build(make(), wanted(HASHES[at]))
    expect(registry.faults).toEqual([])
    expect((await make().images.list(signal)).items.map(({ name, state }) => [name, state])).toEqual([[made.name, 'ready']])
  }
})

test('a registry that sends to another place for a token is shown the credential there', async () => {
  await registry.close()
  registry = await startFlyRegistry(fly.world, { tokens: true })
  base = await putBase('base')
  expect(await build()).toMatchObject({ state: 'ready' })
})

test('a token that is refused is said, without it', async () => {
  const name = (await build()).name
  const refused = await make({ token: TOKEN }).images.list(signal).then(() => {
    fly.world.tokens.set('fm2_other', { org: 'other' })
    return build(make({ token: 'fm2_other' })).catch(String)
  })
  expect(refused).not.toContain('fm2_other')
  expect(refused).toContain('ProviderFault')
  expect((await make().images.list(signal)).items.map((image) => image.name)).toEqual([name])
})

test('what was begun and nobody waits for is a leftover, an image is kept, and another installation\'s is not touched', async () => {
  const kept = await build()
  registry.faults.push({ method: 'POST', path: /uploads/, status: 403 })
  expect(await build(make(), wanted(TWO)).catch(String)).toContain('ProviderFault')
  const theirs = `berth-${'b'.repeat(8)}-image-${ONE}-abcdef`
  fly.world.createApp({ name: theirs, org: 'berth', network: `berth-images-${'b'.repeat(32)}-1` })
  const leftovers = async () => (await make().leftovers(INSTALLATION, signal)).items
  expect((await leftovers()).map(({ name, kept: is = false }) => [kept.name.includes(name), is])).toEqual([[true, true]])
  fly.world.advance(50 * MINUTE)
  const [image, begun] = [...await leftovers()].sort((a, b) => Number(b.kept ?? false) - Number(a.kept ?? false))
  expect([image?.kept, begun?.kept, begun?.name.includes(TWO)]).toEqual([true, undefined, true])
  if (begun !== undefined) await make().removeLeftover(begun, signal)
  expect([...fly.world.apps.keys()].sort()).toEqual([parseReference(kept.name).repository, theirs].sort())
  expect(await make().removeLeftover({ kind: 'image', name: theirs, owner: 'foreign', createdAt: 0 }, signal).catch(String)).toContain('somebody else')
  await build(make(), wanted(TWO))
  await make().images.giveUp({ signal })
  expect((await make().images.list(signal)).items.map(({ toolbox }) => toolbox)).toEqual([TWO])
})

test('a new machine begins with the image of its daemon, with the usual one otherwise: when the registry does not answer, or the app of that name is not ours', async () => {
  const { name } = await build()
  const beganWith = async (hash: string, image: string | null = null): Promise<string> => {
    const owner: Owner = { installation: INSTALLATION, workspaceId: `ws_${crypto.randomUUID().slice(0, 8)}`, generation: 1 }
    await through(() => make().ensure(owner, { image, memoryBytes: 2 * 1024 ** 3, cpus: 2, pids: 512, boot: { bootToken: 'token', link: { unixSocket: null, loopbackUrl: null, publicUrl: 'https://link.example' }, toolbox: { hostDir: dir, hash } } }, { signal }))
    return [...fly.world.machines.values()].at(-1)?.config.image ?? ''
  }
  expect(await beganWith(ONE)).toBe(name)
  expect(await beganWith(TWO)).toBe(base)
  expect(await beganWith(ONE, 'debian:12')).toBe('debian:12')
  registry.faults.push({ method: 'GET', path: /manifests/, status: 500 })
  expect([await beganWith(ONE), logged.some((line) => line.includes('prepared image'))]).toEqual([base, true])
  // A machine of a workspace, and an image's app is none.
  expect((await make().list(INSTALLATION, signal)).items.length).toBe(4)
  const app = fly.world.apps.get(parseReference(name).repository)
  if (app !== undefined) fly.world.apps.set(app.name, { ...app, network: `berth-images-${'b'.repeat(32)}-1` })
  expect(await beganWith(ONE)).toBe(base)
})
