import { afterAll, describe, expect, it } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { admit } from './login.ts'
import { parseEnvFile } from './secret-files.ts'

const dir = mkdtempSync(join(tmpdir(), 'berth-secrets-'))
afterAll(() => rmSync(dir, { recursive: true, force: true }))
const file = (name: string, content: string | Uint8Array): string => {
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

  it('takes no name that the product sets itself, wherever it stands', async () => {
    const refusedAs = { code: 'bad_request', hint: expect.stringContaining('BERTH_*') }
    for (const name of ['HOME', 'BERTH_WORKSPACE', 'BERTH_']) {
      await expect(admitted([name], [], { [name]: '/x' })).rejects.toMatchObject(refusedAs)
      await expect(admitted([], [`${name}=/x`])).rejects.toMatchObject(refusedAs)
      await expect(admit({ env: [], envFile: [file('own', `${name}=/x`)], copyCredentials: false }, { env: {} })).rejects.toMatchObject(refusedAs)
    }
    // The project's own to say: they reach its processes alone.
    expect((await admitted([], ['LD_PRELOAD=/x.so', 'PATH=/opt/x', 'HOMEBREW_X=1', 'BERTHA=1'])).env).toEqual({ LD_PRELOAD: '/x.so', PATH: '/opt/x', HOMEBREW_X: '1', BERTHA: '1' })
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

describe('--env-file', () => {
  it('reads what shells and dotenv read, and expands nothing', () => {
    const text = '# comment\n\nA=1\nexport B = two words \nC="a # b\\n\\"c\\""\nD=\'$A\'\nE=x#y\nF=z # said\r\nG=\nH="q" # said\n'
    expect(parseEnvFile(text, 'f')).toEqual({ A: '1', B: 'two words', C: 'a # b\n"c"', D: '$A', E: 'x#y', F: 'z', G: '', H: 'q' })
  })

  it('names the line that it cannot read, not what stands there', async () => {
    const refused = await admit({ env: [], envFile: [file('env', 'A=1\nhunter2hunter2\n')], copyCredentials: false }, { env: {} }).catch((error: unknown) => error)
    expect(refused).toMatchObject({ code: 'bad_request', message: expect.stringContaining('line 2') })
    expect(String(refused)).not.toContain('hunter2')
  })

  it('gives way to what is said itself, and shows at most what can be shown', async () => {
    const envFile = [file('many', [...Array.from({ length: 30 }, (_, at) => `N${at}_TOKEN=x`), 'A=1', 'B=1'].join('\n'))]
    const { env, exposures } = await admit({ env: ['A=2'], envFile, copyCredentials: false }, { env: {} })
    expect(env).toMatchObject({ A: '2', B: '1', N29_TOKEN: 'x' })
    expect([exposures.length, exposures.at(-1)?.name]).toEqual([16, 'and 15 more'])
  })
})

it('what is no text is no variable, and is not shown by saying so', async () => {
  for (const bytes of [Uint8Array.of(0x70, 0x77, 0xff), Uint8Array.of(0x70, 0x77, 0)]) {
    const refused = admit({ env: [], secret: [`KEY=${file('key.bin', bytes)}`], copyCredentials: false }, { env: {} })
    await expect(refused).rejects.toMatchObject({ code: 'bad_request', message: 'the file for --secret KEY is no text, and a variable is' })
  }
})

describe('--secret-file', () => {
  it('becomes a file of the home, and is shown', async () => {
    const { homeFiles, exposures } = await admit({ env: [], secretFile: [`key=${file('key.json', '{"a":1}')}`], copyCredentials: false }, { env: {} })
    expect(homeFiles).toEqual([{ path: '.secrets/key', contentBase64: Buffer.from('{"a":1}').toString('base64') }])
    expect(exposures).toEqual([{ name: 'key', how: 'env', warning: 'the agent can read ~/.secrets/key' }])
    // A keystore is no text.
    const { homeFiles: [keystore] } = await admit({ env: [], secretFile: [`store=${file('store.p12', Uint8Array.of(0, 1, 0xff, 0xfe, 0x0a))}`], copyCredentials: false }, { env: {} })
    expect(keystore?.contentBase64).toBe('AAH//go=')
    for (const secretFile of [['key'], ['../x=y'], ['key=/nowhere']]) await expect(admit({ env: [], secretFile, copyCredentials: false }, { env: {} })).rejects.toMatchObject({ code: expect.stringMatching(/bad_request|not_found/) })
  })
})
