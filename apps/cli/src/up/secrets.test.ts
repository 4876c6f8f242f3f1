import { afterAll, describe, expect, it } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { admit } from './login.ts'

const dir = mkdtempSync(join(tmpdir(), 'berth-secrets-'))
afterAll(() => rmSync(dir, { recursive: true, force: true }))
const file = (name: string, content: string): string => {
  writeFileSync(join(dir, name), content)
  return join(dir, name)
}
const admitted = (secret: string[], env: string[] = [], world: Record<string, string> = {}) => admit({ env, secret, copyCredentials: false }, { env: world })

describe('--secret', () => {
  it('takes a file, without the line end that editors add, or the caller\'s environment', async () => {
    const { env, exposures } = await admitted([`NPM=${file('npm', 'abc\n')}`, 'PLAIN'], [], { PLAIN: 'from here' })
    expect(env).toEqual({ NPM: 'abc', PLAIN: 'from here' })
    // Each is shown: the agent can read it.
    expect(exposures.map(({ name, how }) => [name, how])).toEqual([['NPM', 'env'], ['PLAIN', 'env']])
  })

  it('keeps the lines of a key', async () => {
    expect((await admitted([`KEY=${file('key', 'one\ntwo\r\n')}`])).env).toEqual({ KEY: 'one\ntwo' })
  })

  it('never repeats what may have been the value itself', async () => {
    const refused = await admitted(['TOKEN=hunter2hunter2']).catch((error: unknown) => error)
    expect(refused).toMatchObject({ code: 'not_found' })
    expect(JSON.stringify(refused) + String(refused)).not.toContain('hunter2')
  })

  it('refuses what is no name, not set, too large or given twice', async () => {
    await expect(admitted(['A-B=x'])).rejects.toMatchObject({ code: 'bad_request' })
    await expect(admitted(['MISSING'])).rejects.toMatchObject({ code: 'bad_request' })
    await expect(admitted([`BIG=${file('big', 'x'.repeat(64 * 1024 + 1))}`])).rejects.toMatchObject({ code: 'too_large' })
    await expect(admitted(['A'], ['A=1'], { A: '2' })).rejects.toMatchObject({ code: 'bad_request' })
  })
})
