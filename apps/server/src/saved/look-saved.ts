/** One look at a saved state on its way: asks its machine, and when that has sent all, reads again what is kept. */
import type { SavedRow, Saving } from '@berth/core'
import { BerthError } from '@berth/wire'
import type { SavedId } from '@berth/wire'
import type { SaveState } from '@berth/wire/saved-methods'
import type { SavingDeps } from './saving.ts'

const CALL_WITHIN_MS = 15_000
const TRIES = 3
/** From its beginning to its end, waiting for the end of a turn included. */
const SAVE_WITHIN_MS = 2 * 3600_000
const mebibytes = (bytes: number): string => `${(bytes / 1024 ** 2).toFixed(1)} MiB`

export function createLooks(deps: SavingDeps, signal: AbortSignal): { look(id: SavedId): Promise<Saving> } {
  const { store, daemons, bytes, clock, log } = deps
  const verifying = new Map<SavedId, Promise<void>>()
  const failures = new Map<SavedId, number>()

  const verify = async (row: SavedRow, told: SaveState): Promise<void> => {
    try {
      const kept = await bytes.measure(row.id)
      if (kept.sha256 !== told.sha256 || kept.sizeBytes !== told.sizeBytes) throw new BerthError('conflict', 'what was kept is not what the machine sent')
      await store.saved.verified(row.id, { ...kept, plainBytes: told.plainBytes, files: told.files, leftOut: told.leftOut }, clock.now())
    } catch (error) {
      log(`${row.id}: ${String(error)}`)
      await store.saved.failed(row.id, error instanceof BerthError ? error.message : 'what was kept could not be read again')
    }
  }
  const verifyOnce = (row: SavedRow, told: SaveState): void => {
    if (verifying.has(row.id)) return
    const work = verify(row, told).catch((error: unknown) => { log(`${row.id}: ${String(error)}`) }).finally(() => {
      verifying.delete(row.id)
      store.wake(row.workspaceId, clock.now()).then(deps.poke, () => {})
    })
    verifying.set(row.id, work)
  }

  /** What the machine says decides; what it cannot be asked about is waited for. */
  const ask = async (row: SavedRow): Promise<Saving> => {
    let told: SaveState
    try {
      told = await daemons.call(row.workspaceId, 'state.save', { savedId: row.id, still: row.kind === 'move' }, { withinMs: CALL_WITHIN_MS, signal })
    } catch (error) {
      const passing = !(error instanceof BerthError) || ['workspace_busy', 'daemon_unreachable', 'timeout', 'cancelled'].includes(error.code)
      if (passing) return { state: 'saving', detail: 'waiting for its machine' }
      return failed(row, error.code === 'unsupported' ? 'this machine\'s daemon is older; stop and start the workspace' : error.message)
    }
    switch (told.state) {
      case 'packing': return { state: 'saving', detail: `saving: ${mebibytes(told.sizeBytes)}` }
      case 'failed': {
        const times = (failures.get(row.id) ?? 0) + 1
        failures.set(row.id, times)
        return times < TRIES ? { state: 'saving', detail: `trying again: ${told.error ?? 'it broke off'}` } : failed(row, told.error ?? 'it broke off')
      }
      case 'done':
        verifyOnce(row, told)
        return { state: 'saving', detail: 'checking what was kept' }
    }
  }
  const failed = async (row: SavedRow, why: string): Promise<Saving> => {
    await store.saved.failed(row.id, why)
    return { state: 'failed', why }
  }
  const look = async (id: SavedId): Promise<Saving> => {
    const row = await store.saved.get(id)
    if (row === null || row.state === 'removed') return { state: 'failed', why: 'it was removed' }
    if (row.state === 'verified') return { state: 'verified' }
    if (row.state === 'failed') return { state: 'failed', why: row.detail ?? 'it could not be saved' }
    if (verifying.has(id)) return { state: 'saving', detail: 'checking what was kept' }
    if (clock.now() - row.createdAt > SAVE_WITHIN_MS) return failed(row, 'it took too long')
    const looked = await ask(row)
    if (looked.state === 'saving') await store.saved.note(id, looked.detail)
    return looked
  }
  return { look }
}
