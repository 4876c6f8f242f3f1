/** An image with the daemon and agents' programs in it: a base's layers, and one more, copied from registry to registry. */
import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ProviderFault, type ImageWanted } from '@berth/core'
import { PLACES } from './cloud-init/cloud-config.ts'
import { blobOf, digestOf, OCI, type Blob, type Manifest, type Reference, type Registry } from './oci-registry.ts'

export interface Target { readonly registry: Registry; readonly repository: string; readonly tag: string }
export interface Base extends Reference { readonly registry: Registry; /** As people name it. */ readonly name: string }
interface Descriptor extends Blob { readonly mediaType: string }
interface ImageManifest { readonly config: Descriptor; readonly layers: readonly Descriptor[] }
interface ImageConfig { readonly rootfs: { readonly type: string; readonly diff_ids: readonly string[] }; readonly history?: readonly object[]; readonly [key: string]: unknown }

export const ANNOTATION = { base: 'org.opencontainers.image.base.name', created: 'org.opencontainers.image.created' } as const
/** Of machines of vendors. */
const PLATFORM = { os: 'linux', architecture: 'amd64' } as const
const CONFIG_LIMIT = 8 * 1024 * 1024
/** What a base's layers and its manifest are called by Docker, and are by the specification. */
const AS_OCI: Readonly<Record<string, string>> = { 'application/vnd.docker.image.rootfs.diff.tar.gzip': OCI.layer, 'application/vnd.docker.image.rootfs.diff.tar': 'application/vnd.oci.image.layer.v1.tar' }

/** May be repeated: what is there is not put again, and the name comes last. */
export async function putImage(base: Base, target: Target, { wanted, now, signal, log = () => {} }: { wanted: ImageWanted; now: number; signal: AbortSignal; log?: ((line: string) => void) | undefined }): Promise<void> {
  const { registry, repository, tag } = target
  const dir = await mkdtemp(join(tmpdir(), 'berth-image-'))
  try {
    const manifest = await baseManifest(base, signal)
    if (manifest.config.size > CONFIG_LIMIT) throw new ProviderFault('invalid', `the configuration of ${base.name} is too long`)
    log(`copying the ${manifest.layers.length} layers of ${base.name}`)
    for (const layer of manifest.layers) await copied(base, target, { layer, to: join(dir, 'layer') }, signal)
    log('adding the daemon and the programs')
    const packed = join(dir, 'toolbox.tar.gz')
    const diffId = await packToolbox(wanted, { dir, to: packed, signal })
    const added = await blobOf(packed)
    await registry.upload(repository, added, packed, signal)
    const created = new Date(now).toISOString()
    const config = configWith(await readConfig(base, manifest.config, { to: join(dir, 'config'), signal }), { diffId, created })
    await Bun.write(join(dir, 'config'), config)
    await registry.upload(repository, { digest: digestOf(config), size: Buffer.byteLength(config) }, join(dir, 'config'), signal)
    await registry.putManifest(repository, tag, {
      mediaType: OCI.manifest,
      text: JSON.stringify({
        schemaVersion: 2, mediaType: OCI.manifest, config: { mediaType: OCI.config, digest: digestOf(config), size: Buffer.byteLength(config) },
        layers: [...manifest.layers.map(({ mediaType, digest, size }) => ({ mediaType: AS_OCI[mediaType] ?? mediaType, digest, size })), { mediaType: OCI.layer, ...added }],
        annotations: { [ANNOTATION.base]: base.name, [ANNOTATION.created]: created },
      }),
    }, signal)
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

/** What `putImage` said of it. */
export function describedIn({ text }: Manifest): { base: string; createdAt: number; sizeBytes: number } {
  const { layers, annotations } = JSON.parse(text) as ImageManifest & { annotations?: Readonly<Record<string, string>> }
  return { base: annotations?.[ANNOTATION.base] ?? '', createdAt: Date.parse(annotations?.[ANNOTATION.created] ?? '') || 0, sizeBytes: layers.reduce((sum, { size }) => sum + size, 0) }
}

async function baseManifest({ registry, repository, reference, name }: Base, signal: AbortSignal): Promise<ImageManifest> {
  const missing = (): ProviderFault => new ProviderFault('invalid', `there is no image ${name} for ${PLATFORM.os}/${PLATFORM.architecture}`, { hint: 'set another one as the image of the provider' })
  const found = await registry.manifest(repository, reference, signal)
  if (found === null) throw missing()
  const { manifests } = JSON.parse(found.text) as { manifests?: readonly (Descriptor & { platform?: { os?: string; architecture?: string } })[] }
  if (manifests === undefined) return JSON.parse(found.text) as ImageManifest
  const one = manifests.find(({ platform }) => platform?.os === PLATFORM.os && platform.architecture === PLATFORM.architecture)
  const its = one === undefined ? null : await registry.manifest(repository, one.digest, signal)
  if (its === null) throw missing()
  return JSON.parse(its.text) as ImageManifest
}

async function copied(base: Base, { registry, repository }: Target, { layer, to }: { layer: Descriptor; to: string }, signal: AbortSignal): Promise<void> {
  if (await registry.has(repository, layer.digest, signal)) return
  await base.registry.download(base.repository, layer, to, signal)
  await registry.upload(repository, layer, to, signal)
}

async function readConfig({ registry, repository }: Base, config: Descriptor, { to, signal }: { to: string; signal: AbortSignal }): Promise<ImageConfig> {
  await registry.download(repository, config, to, signal)
  return await Bun.file(to).json() as ImageConfig
}

function configWith(config: ImageConfig, { diffId, created }: { diffId: string; created: string }): string {
  return JSON.stringify({ ...config, created, rootfs: { ...config.rootfs, diff_ids: [...config.rootfs.diff_ids, diffId] }, history: [...config.history ?? [], { created, created_by: 'berth image build' }] })
}

/** Where machines look for it. The same toolbox makes the same bytes, so that what was put before a crash is found again. Returns the digest of what is in it. */
async function packToolbox({ toolbox: { hostDir, hash }, programs }: ImageWanted, { dir, to, signal }: { dir: string; to: string; signal: AbortSignal }): Promise<string> {
  const links = join(dir, 'links')
  await mkdir(join(links, hash), { recursive: true })
  await symlink('../agents', join(links, hash, 'agents'))
  const tar = Bun.spawn([
    'tar', '--create', '--hard-dereference', '--sort=name', '--owner=0', '--group=0', '--numeric-owner', '--mtime=@0', '--mode=go-w', '--transform', `s,^,${PLACES.toolboxDir.slice(1)}/,S`,
    '--directory', hostDir, `${hash}/berth-daemon`, ...programs.map((name) => `agents/${name}`), '--directory', links, `${hash}/agents`,
  ], { stdin: 'ignore', stdout: 'pipe', stderr: 'pipe', signal })
  const hash256 = createHash('sha256')
  const seen = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      hash256.update(chunk)
      controller.enqueue(chunk)
    },
  })
  // The platform's stream of bytes is one of `BufferSource` to the type checker.
  const zip = new CompressionStream('gzip') as unknown as ReadableWritablePair<Uint8Array, Uint8Array>
  try {
    const [, said, exitCode] = await Promise.all([Bun.write(to, new Response(tar.stdout.pipeThrough(seen).pipeThrough(zip))), new Response(tar.stderr).text(), tar.exited])
    signal.throwIfAborted()
    if (exitCode !== 0) throw new ProviderFault('unknown', `the programs could not be packed: ${said.trim().slice(0, 200)}`, { hint: 'try again' })
  } finally {
    tar.kill('SIGKILL')
  }
  return `sha256:${hash256.digest('hex')}`
}
