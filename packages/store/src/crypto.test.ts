import { afterEach, describe, expect, it } from 'bun:test'
import { chmod, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { keysOf, newToken, seal, unseal } from './crypto.ts'
import { loadMasterKey } from './key-file.ts'
import { refusal } from './store-fixtures.ts'

const random = (bytes: number) => crypto.getRandomValues(new Uint8Array(bytes))
const dirs: string[] = []
afterEach(async () => { for (const dir of dirs.splice(0)) await rm(dir, { recursive: true, force: true }) })
async function home() {
  const dir = await mkdtemp(join(tmpdir(), 'berth-test-key-'))
  dirs.push(dir)
  return dir
}

describe('the master key', () => {
  it('is made once, by whoever comes first, for its owner\'s eyes only', async () => {
    const dir = await home()
    const keys = await Promise.all(Array.from({ length: 5 }, () => loadMasterKey(dir, random)))
    expect(new Set(keys.map((key) => Buffer.from(keysOf(key)[0]).toString('hex'))).size).toBe(1)
    expect(keys[0]).toHaveLength(32)
    expect(await readdir(dir)).toEqual(['master.key'])
    expect((await stat(join(dir, 'master.key'))).mode & 0o777).toBe(0o600)
    await chmod(join(dir, 'master.key'), 0o644)
    expect(await loadMasterKey(dir, random)).toEqual(keys[0]!)
    expect((await stat(join(dir, 'master.key'))).mode & 0o777).toBe(0o600)
  })

  it('is never replaced when it is damaged', async () => {
    const dir = await home()
    await writeFile(join(dir, 'master.key'), 'short\n')
    expect(await refusal(loadMasterKey(dir, random))).toMatchObject({ code: 'config_invalid' })
  })
})

describe('a sealed secret', () => {
  const key = random(32)
  it('opens under its key and for its subject only', () => {
    const sealed = seal('plain text', { key, subject: 'ws_a', random })
    expect(sealed).not.toContain('plain')
    expect(unseal(sealed, { key, subject: 'ws_a' })).toBe('plain text')
    expect(() => unseal(sealed, { key, subject: 'ws_b' })).toThrow()
    expect(() => unseal(sealed, { key: random(32), subject: 'ws_a' })).toThrow()
    expect(() => unseal(`${sealed.slice(0, -2)}AA`, { key, subject: 'ws_a' })).toThrow()
    expect(seal('plain text', { key, subject: 'ws_a', random })).not.toBe(sealed)
  })

  it('is one of many tokens that never repeat', () => {
    expect(new Set(Array.from({ length: 1000 }, () => newToken('berth', random))).size).toBe(1000)
  })
})
