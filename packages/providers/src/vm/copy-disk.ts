/**
 * A copy of a computer's disk as it stands at one moment, as a power cut would leave it. One that runs makes the copy
 * itself, because nobody else may read a disk that is written to; of one that is off the file is copied. The copy stands on
 * the same image and on nothing of the computer it is of, which may change and go.
 *
 * What lies in a computer's own directories may be of somebody who broke out of the guest: no link there is followed.
 */
import { constants } from 'node:fs'
import { chmod, chown, copyFile, lstat, open, rename, rm, type FileHandle } from 'node:fs/promises'
import { connect } from 'node:net'
import { createInterface } from 'node:readline'
import { join } from 'node:path'
import { ProviderFault } from '@berth/core'
import { z } from 'zod'
import { readProcess } from '../local/machine-dir.ts'
import { isAlive } from '../local/process-tree.ts'
import { INSIDE } from '../local/sandbox.ts'
import { DRIVE } from './qemu.ts'

export const DISK = 'disk.qcow2'
const COPY = 'copy.qcow2'
/** Of a disk as large as they are by default, on a slow one. */
const COPY_WITHIN_MS = 5 * 60_000
/** For a computer that was switched on a moment ago. */
const CONTROL_WITHIN_MS = 30_000
const CONTROL_LOOK_MS = 50
/** Longer than what QEMU says of anything that is asked here. */
const SAID_LIMIT = 2 ** 20
/** https://man7.org/linux/man-pages/man2/open.2.html; the runtime does not name it. */
const O_PATH = 0o10000000

/** `dir`: of the computer that is copied. The copy is at `to` when it is whole. */
export async function copyDisk(dir: string, { to, uid }: { to: string; uid: number | null }, signal: AbortSignal): Promise<void> {
  const fresh = `${to}.new`
  await rm(fresh, { force: true })
  const running = await readProcess(dir)
  if (running !== null && isAlive(running)) await copyRunning(dir, fresh, signal)
  else await copyStopped(dir, fresh)
  signal.throwIfAborted()
  await chmod(fresh, 0o600)
  if (uid !== null) await chown(fresh, uid, uid)
  await rename(fresh, to)
}

async function copyRunning(dir: string, fresh: string, signal: AbortSignal): Promise<void> {
  const copy = join(dir, 'state', COPY)
  await rm(copy, { force: true })
  try {
    await backup(join(dir, 'run/control.sock'), `${INSIDE.state}/${COPY}`, AbortSignal.any([signal, AbortSignal.timeout(COPY_WITHIN_MS)]))
    await rename(copy, fresh)
    if (!(await lstat(fresh)).isFile()) throw notOurs(copy)
  } catch (error) {
    await rm(fresh, { force: true })
    throw error
  } finally {
    await rm(copy, { force: true })
  }
}

async function copyStopped(dir: string, fresh: string): Promise<void> {
  const file = await open(join(dir, 'state', DISK), constants.O_RDONLY | constants.O_NOFOLLOW)
  try {
    if (!(await file.stat()).isFile()) throw notOurs(join(dir, 'state', DISK))
    await copyFile(itself(file), fresh, constants.COPYFILE_FICLONE)
  } finally {
    await file.close()
  }
}

/** What was opened, whatever stands at its path by now. */
const itself = ({ fd }: FileHandle): string => `/proc/self/fd/${fd}`
const notOurs = (path: string): ProviderFault => new ProviderFault('conflict', `${path} is no file`, { hint: 'look at what runs in that computer' })

/** By QEMU's own control. https://www.qemu.org/docs/master/interop/qemu-qmp-ref.html#command-QMP-block-core.drive-backup */
async function backup(control: string, target: string, signal: AbortSignal): Promise<void> {
  const file = await openControl(control, signal)
  try {
    if (!(await file.stat()).isSocket()) throw notOurs(control)
    await inQemusWords(itself(file), [
      { execute: 'qmp_capabilities' },
      // What is in the image that it stands on is not copied.
      { execute: 'drive-backup', arguments: { 'job-id': COPY, device: DRIVE, target, format: 'qcow2', sync: 'top', mode: 'absolute-paths' } },
    ], { isEnd: isCopied }, signal)
  } finally {
    await file.close()
  }
}

async function openControl(control: string, signal: AbortSignal): Promise<FileHandle> {
  for (const since = Date.now(); ;) {
    signal.throwIfAborted()
    try {
      return await open(control, O_PATH | constants.O_NOFOLLOW)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
      if (Date.now() - since > CONTROL_WITHIN_MS) throw failed('its control is not there')
    }
    await Bun.sleep(CONTROL_LOOK_MS)
  }
}

function isCopied({ event, data }: Said): boolean {
  if (data?.device !== COPY) return false
  if (event === 'BLOCK_JOB_CANCELLED' || (event === 'BLOCK_JOB_COMPLETED' && data.error !== undefined)) throw failed(data.error ?? 'it was ended')
  return event === 'BLOCK_JOB_COMPLETED'
}

const failed = (why: string): ProviderFault => new ProviderFault('transient', `the running computer did not do it: ${why.slice(0, 200)}`, { hint: 'it is tried again' })

/** Resolves when QEMU says what was waited for; throws for what it refuses. */
export async function inQemusWords(path: string, commands: readonly object[], { isEnd }: { isEnd(said: Said): boolean }, signal: AbortSignal): Promise<void> {
  const socket = connect(path)
  const end = (): void => { socket.destroy() }
  signal.addEventListener('abort', end, { once: true })
  let length = 0
  let refusal = 'it ended meanwhile'
  socket.on('error', (error) => { refusal = error.message }).on('data', (bytes: Buffer) => { if ((length += bytes.length) > SAID_LIMIT) end() })
  try {
    for (const command of commands) socket.write(`${JSON.stringify(command)}\n`)
    for await (const line of createInterface({ input: socket })) {
      const said = readSaid(line)
      if (said.error !== undefined) throw failed(said.error.desc ?? 'it was refused')
      if (isEnd(said)) return
    }
    signal.throwIfAborted()
    throw failed(refusal)
  } finally {
    signal.removeEventListener('abort', end)
    end()
  }
}

const QemuSays = z.object({ return: z.unknown(), event: z.string(), data: z.object({ device: z.string(), error: z.string() }).partial(), error: z.object({ desc: z.string() }).partial() }).partial()
export type Said = z.infer<typeof QemuSays>
function readSaid(line: string): Said {
  try {
    // Of a program that may be somebody else's by now.
    return QemuSays.parse(JSON.parse(line))
  } catch {
    return {}
  }
}
