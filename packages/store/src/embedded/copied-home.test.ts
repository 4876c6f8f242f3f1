import { afterEach, describe, expect, it } from 'bun:test'
import { chmod, mkdtemp, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Store } from '@berth/core'
import { openStore } from '../open-store.ts'
import { aWorkspace } from '../store-fixtures.ts'
import { startEmbedded, type Embedded } from './start.ts'

const NOW = 1_700_000_000_000
const opened: { store: Store; embedded: Embedded }[] = []
const dirs: string[] = []
async function close(): Promise<void> {
  for (const { store, embedded } of opened.splice(0)) {
    await store.close()
    await embedded.stop()
  }
}
afterEach(async () => {
  await close()
  for (const dir of dirs.splice(0)) await rm(dir, { recursive: true, force: true })
})
/** A home that whoever the database runs as may pass through: its data is in it, and goes where it goes. */
async function aHome(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'berth-test-copied-'))
  dirs.push(dir)
  await chmod(dir, 0o711)
  return dir
}
async function open(home: string): Promise<Store> {
  const embedded = await startEmbedded({ home, durable: false })
  const store = await openStore({ database: embedded.address, masterKey: new Uint8Array(32) })
  opened.push({ store, embedded })
  return store
}
const claimed = async (store: Store): Promise<string[]> => (await store.claimDue({ owner: 'a', limit: 10, leaseMs: 1 }, NOW)).map(({ workspaceId }) => workspaceId)

describe('a home that was copied', () => {
  it('gives nobody a claim on what was copied, says so, and gives it when a person releases it', async () => {
    const first = await aHome()
    const { id } = await aWorkspace(await open(first), NOW)
    await close()
    const second = await aHome()
    expect(Bun.spawnSync(['cp', '-a', `${first}/.`, second]).exitCode).toBe(0)
    const store = await open(second)
    expect(await store.installation.installation()).toMatchObject({ epoch: 2, reaperHeld: expect.stringContaining(`copied from ${first}`) })
    const [notice] = (await store.events.read(id, 0, 100)).slice(-1)
    expect(notice?.body).toMatchObject({ type: 'workspace.notice', code: 'home_copied' })
    const made = await aWorkspace(store, NOW)
    await store.wake(id, NOW)
    expect(await claimed(store)).toEqual([made.id])
    await close()

    const again = await open(second)
    expect(await again.installation.installation()).toMatchObject({ epoch: 2 })
    expect(await again.installation.releaseReaper()).toBe(true)
    expect(await claimed(again)).toContain(id)
  }, 60_000)

  it('is not one that was moved', async () => {
    const first = await aHome()
    const { id } = await aWorkspace(await open(first), NOW)
    await close()
    const second = await aHome()
    await rename(first, second)
    const store = await open(second)
    expect(await store.installation.installation()).toMatchObject({ epoch: 1, reaperHeld: null })
    expect(await claimed(store)).toEqual([id])
  }, 60_000)
})
