import { expect, test } from 'bun:test'
import { chmod, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { randomIds } from '@berth/wire'
import type { Owner } from '@berth/core'
import { createMachine, OUTSIDE_DIR } from './machine-dir.ts'

const asRoot = test.skipIf(process.getuid?.() !== 0)
const UID = 1_900_000_001

asRoot('without a sandbox a machine stands where its own user gets to', async () => {
  const home = await mkdtemp(join(tmpdir(), 'berth-machine-'))
  const made: string[] = []
  const place = async (mode: number, isolation: 'none' | 'sandbox'): Promise<boolean> => {
    await chmod(join(home, 'workspaces'), mode)
    const owner: Owner = { installation: 'inst-of-a-test', workspaceId: randomIds.workspace(), generation: 1 } as Owner
    const { dir } = await createMachine({ home, outside: OUTSIDE_DIR }, { version: 1, owner, createdAt: 1, uid: UID, isolation })
    made.push(dir)
    return dir.startsWith(`${home}/`)
  }
  try {
    await chmod(home, 0o711)
    await mkdir(join(home, 'workspaces'))
    expect(await place(0o711, 'none')).toBe(true)
    expect(await place(0o700, 'sandbox')).toBe(true)
    expect(await place(0o700, 'none')).toBe(false)
  } finally {
    for (const dir of made.filter((path) => !path.startsWith(home))) await rm(join(dir, '../..'), { recursive: true, force: true })
    await rm(home, { recursive: true, force: true })
  }
})

test('what a crash left of a making goes when the machine is made', async () => {
  const home = await mkdtemp(join(tmpdir(), 'berth-machine-'))
  try {
    const owner: Owner = { installation: 'inst-of-a-test', workspaceId: randomIds.workspace(), generation: 2 }
    const own = join(home, 'workspaces', owner.workspaceId)
    await mkdir(join(own, '.making-2-0123456789ab/work'), { recursive: true })
    await createMachine({ home, outside: OUTSIDE_DIR }, { version: 1, owner, createdAt: 1, uid: null, isolation: 'sandbox' })
    expect(await readdir(own)).toEqual(['machine-g2'])
  } finally {
    await rm(home, { recursive: true, force: true })
  }
})
