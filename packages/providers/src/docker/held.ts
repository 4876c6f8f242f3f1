/**
 * Whether a container that runs is still held: what belongs beside its machine is not there, and its daemon has not
 * begun. Whoever was letting it begin may have died; a machine that is held is one that still starts.
 */
import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { HELD_FOR, HOLD_PATH, releaseArchive } from './container.ts'
import type { Engine } from './engine.ts'

export interface HeldContainer {
  readonly Id: string
  readonly State: { readonly StartedAt?: string }
  readonly Mounts?: readonly { readonly Type?: string; readonly Source?: string; readonly Destination?: string }[]
}
export interface Holding {
  /** Asked of the engine until it was let go; a start is let go once. */
  isHeld(container: HeldContainer, signal: AbortSignal): Promise<boolean>
  letGo(container: HeldContainer, signal: AbortSignal): Promise<void>
}
const KEPT = 10_000

export function createHolding(engine: Engine): Holding {
  const gone = new Set<string>()
  const startOf = ({ Id, State }: HeldContainer): string => `${Id} ${State.StartedAt ?? ''}`
  const remember = (container: HeldContainer): void => {
    if (gone.size >= KEPT) gone.clear()
    gone.add(startOf(container))
  }
  return {
    async isHeld(container, signal) {
      if (gone.has(startOf(container))) return false
      const answer = await engine.call(`/containers/${container.Id}/archive`, { method: 'HEAD', query: { path: HOLD_PATH }, what: 'looking whether the machine has begun', accept: [404, 409] }, signal)
      await answer.body?.cancel()
      const size = answer.ok ? sizeIn(answer.headers.get('x-docker-container-path-stat')) : 0
      if (size > 0) return true
      remember(container)
      return false
    },
    async letGo(container, signal) {
      if (!(await emptiedHere(container))) {
        const answer = await engine.call(`/containers/${container.Id}/archive`, { method: 'PUT', query: { path: '/' }, body: releaseArchive(), contentType: 'application/x-tar', what: 'letting the daemon begin' }, signal)
        await answer.body?.cancel()
      }
      remember(container)
    },
  }
}

/**
 * The engine needs a process and all mounts of the machine for one file. Where its volume lies here, and ours to write,
 * the file in it says what we wrote; any other is left alone.
 */
async function emptiedHere({ Mounts = [] }: HeldContainer): Promise<boolean> {
  const volume = Mounts.find(({ Type, Destination }) => Type === 'volume' && Destination === dirname(HOLD_PATH))?.Source ?? ''
  if (!volume.startsWith('/')) return false
  // What the machine's root left there in an earlier life may be anything.
  const file = await open(join(volume, basename(HOLD_PATH)), constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(() => null)
  if (file === null) return false
  try {
    const { size, nlink } = await file.stat()
    if (size !== HELD_FOR.length || nlink !== 1 || (await file.readFile('utf8')) !== HELD_FOR) return false
    await file.truncate(0)
    return true
  } catch {
    return false
  } finally {
    await file.close()
  }
}

/** `{"name":"hold","size":23,…}` in base64. */
function sizeIn(stat: string | null): number {
  try {
    const { size } = JSON.parse(Buffer.from(stat ?? '', 'base64').toString('utf8')) as { size?: unknown }
    return typeof size === 'number' ? size : 0
  } catch {
    return 0
  }
}
