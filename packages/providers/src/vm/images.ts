/**
 * Disks that computers begin with. A computer's own disk holds only what differs from the one it began with, which
 * therefore may never change: each is copied once, named by what it was, and kept as long as a computer stands on it.
 */
import { createHash, randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { chmod, chown, copyFile, mkdir, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { ProviderFault } from '@berth/core'
import { readJson, scan, type Place } from '../local/machine-dir.ts'
import { QEMU_IMG } from './qemu.ts'

export interface ImageFiles { readonly image: string; readonly kernel: string | null; readonly initrd: string | null }
/** Paths of the copies. */
export interface KeptImage { readonly key: string; readonly dir: string; readonly disk: string; readonly kernel: string | null; readonly initrd: string | null; readonly format: string; readonly virtualBytes: number; /** The disk on it was another computer's. */ readonly copied?: true }
/** In a machine's directory: what it stands on. */
export const STANDS_ON = 'image.json'

const MAKING = '.making-'
/** So long is nothing written to a copy that a server was killed at. */
const GIVEN_UP_MS = 3_600_000

const imagesDir = (home: string): string => join(home, 'images')

/** The copy, made when there is none. Throws a ProviderFault `image` for what is no disk. */
export async function keepImage(home: string, files: ImageFiles, signal: AbortSignal): Promise<KeptImage> {
  const key = await keyOf(files)
  const dir = join(imagesDir(home), key)
  const about = await qemuImgInfo(files.image, signal)
  const kept: KeptImage = { key, dir, disk: join(dir, 'disk'), kernel: files.kernel === null ? null : join(dir, 'kernel'), initrd: files.initrd === null ? null : join(dir, 'initrd'), ...about }
  if (await stat(dir).catch(() => null) !== null) return kept
  const making = join(imagesDir(home), `${MAKING}${randomBytes(6).toString('hex')}`)
  await mkdir(making, { recursive: true, mode: 0o711 })
  try {
    for (const [name, from] of [['disk', files.image], ['kernel', files.kernel], ['initrd', files.initrd]] as const) {
      if (from === null) continue
      await copyFile(from, join(making, name), constants.COPYFILE_FICLONE)
      // Each machine has a user of its own; what they begin with is no secret among them.
      await chmod(join(making, name), 0o444)
    }
    await chmod(making, 0o755)
    await rename(making, dir).catch(async (error: NodeJS.ErrnoException) => {
      // Another was faster.
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error
    })
  } finally {
    await rm(making, { recursive: true, force: true })
  }
  return kept
}

/** Removes those that no machine stands on and that are not the one in use, and copies that nobody goes on with. Answers their names. */
export async function tidyImages(place: Place, installation: string, inUse: string | null): Promise<string[]> {
  const used = new Set(inUse === null ? [] : [inUse])
  for (const { dir } of (await scan(place, installation)).machines) {
    const on = await readJson<{ key: string }>(join(dir, STANDS_ON))
    if (on !== null) used.add(on.key)
  }
  const unused: string[] = []
  for (const name of await readdir(imagesDir(place.home)).catch(() => [])) {
    if (name.startsWith(MAKING) ? await lastWritten(join(imagesDir(place.home), name)) < Date.now() - GIVEN_UP_MS : !used.has(name)) unused.push(name)
  }
  for (const name of unused) await rm(join(imagesDir(place.home), name), { recursive: true, force: true })
  return unused
}

async function lastWritten(dir: string): Promise<number> {
  const files = (await readdir(dir).catch(() => [])).map((name) => join(dir, name))
  return Math.max(...await Promise.all([dir, ...files].map(async (path) => (await stat(path).catch(() => null))?.mtimeMs ?? 0)))
}

export async function keyOf({ image, kernel, initrd }: ImageFiles): Promise<string> {
  const seen = await Promise.all([image, kernel, initrd].map(async (path) => {
    if (path === null) return null
    const found = await stat(path).catch(() => null)
    if (found === null || !found.isFile()) throw new ProviderFault('image', `there is no file ${path}`, { hint: 'run `berth provider setup vm --image <a disk image with cloud-init>`' })
    return [path, found.size, found.mtimeMs, found.ino]
  }))
  return createHash('sha256').update(JSON.stringify(seen)).digest('hex').slice(0, 16)
}

async function qemuImgInfo(image: string, signal: AbortSignal): Promise<{ format: string; virtualBytes: number }> {
  const child = Bun.spawn([QEMU_IMG, 'info', '--output=json', image], { stdin: 'ignore', stdout: 'pipe', stderr: 'pipe', signal })
  const [out, said, code] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited])
  signal.throwIfAborted()
  const unreadable = (): ProviderFault => new ProviderFault('image', `${image} is no disk image: ${said.trim().slice(0, 200) || 'nothing was said of it'}`, { hint: 'take a cloud image in qcow2 or raw, such as Debian’s genericcloud' })
  if (code !== 0) throw unreadable()
  const about = JSON.parse(out) as { format?: string; 'virtual-size'?: number; 'backing-filename'?: string }
  if (about.format === undefined || about['virtual-size'] === undefined) throw unreadable()
  if (about['backing-filename'] !== undefined) throw new ProviderFault('image', `${image} stands on another image, ${about['backing-filename']}`, { hint: `make one whole of it: qemu-img convert -O qcow2 ${image} whole.qcow2` })
  return { format: about.format, virtualBytes: about['virtual-size'] }
}

/** The machine's own disk; at its path when it is whole. */
export async function makeDisk(path: string, { disk, format, virtualBytes }: KeptImage, { bytes, uid }: { bytes: number; uid: number | null }, signal: AbortSignal): Promise<void> {
  const fresh = `${path}.new`
  const child = Bun.spawn([QEMU_IMG, 'create', '-q', '-f', 'qcow2', '-b', disk, '-F', format, fresh, String(Math.max(bytes, virtualBytes))], { stdin: 'ignore', stdout: 'ignore', stderr: 'pipe', signal })
  const [said, code] = await Promise.all([new Response(child.stderr).text(), child.exited])
  signal.throwIfAborted()
  if (code !== 0) throw new ProviderFault('unknown', `the disk could not be made: ${said.trim().slice(0, 300)}`)
  await chmod(fresh, 0o600)
  if (uid !== null) await chown(fresh, uid, uid)
  await rename(fresh, path)
}
