import { describe, expect, it } from 'bun:test'
import { clean, cleanLine } from './clean.ts'
import { table } from './io.ts'
import { match } from './resolve.ts'
import { isSecretName } from './source/secret-names.ts'
import { createDetachKeys } from './terminal/detach-keys.ts'
import { ago, bytes, duration, parseBytes, parseDuration } from './words.ts'
import * as hosted from './source/hosted.ts'
import * as contract from '@berth/wire/api'
import { HOSTED_REFS, type Workspace, type WorkspaceId } from '@berth/wire'

describe('words', () => {
  it('reads durations and sizes and refuses others', () => {
    expect(['45m', '1h30m', '90s', '5', 'off'].map((text) => parseDuration(text, 'x'))).toEqual([2_700_000, 5_400_000, 90_000, 300_000, 0])
    expect(['512m', '4g', '2GiB', '1000', '1.5k'].map((text) => parseBytes(text, 'x'))).toEqual([512 * 1024 ** 2, 4 * 1024 ** 3, 2 * 1024 ** 3, 1000, 1536])
    for (const text of ['', 'x', '-1m', '1y', '1m x']) expect(() => parseDuration(text, 'x')).toThrow()
    for (const text of ['', 'x', '-1', '1q']) expect(() => parseBytes(text, 'x')).toThrow()
  })
  it('writes them for people', () => {
    expect([5, 1234, 45_000, 75_000, 3_600_000, 9_000_000, 864_000_000].map(duration)).toEqual(['5 ms', '1.2 s', '45 s', '1 min 15 s', '1 h', '2 h 30 min', '10 days'])
    expect([0, 1023, 5.7 * 1024 ** 2, 200 * 1024 ** 3].map(bytes)).toEqual(['0 B', '1023 B', '5.7 MB', '200 GB'])
    expect([ago(0, 1000), ago(0, 61_000), ago(0, 7_261_000)]).toEqual(['now', '1 min ago', '2 h 1 min ago'])
  })
  it('aligns columns by what is seen', () => {
    expect(table([['a', '\u001b[1mbb\u001b[22m', 'c'], ['é界', 'b', 'c']])).toEqual(['a    \u001b[1mbb\u001b[22m  c', 'é界  b   c'])
  })
})

describe('clean', () => {
  it('takes everything that steers a terminal out of hostile text', () => {
    const hostile = 'a\u001b[2Jb\u001b]52;c;ZXZpbA==\u0007c\u001b]0;title\u001b\\d\u001bP+q\u001b\\e\u009b31mf\rg\bh\u202ei\u200bj\u001bck\u0000'
    expect(clean(hostile)).toBe('abcdefghijk')
  })
  it('keeps lines, tabs and letters of all scripts', () => {
    expect(clean('añ\tb\r\n界 🙂\n')).toBe('añ\tb\n界 🙂\n')
    expect(cleanLine('a\n  b\u001b[1m\t c')).toBe('a b c')
  })
  it('is not fooled by a sequence made of what is left', () => {
    expect(clean('\u001b\u001b[31m[31mx')).not.toContain('\u001b')
    expect(clean('\u001b]8;;no end')).toBe('')
  })
})

describe('match', () => {
  const workspaces = [['ws_aabbcc000000', 'demo'], ['ws_aabbdd000000', 'aab'], ['ws_zz0000000000', 'other']].map(([id, name]) => ({ id, name }) as Workspace)
  it('takes an id, a name before a prefix, and a unique prefix', () => {
    expect(['ws_zz0000000000', 'demo', 'aab', 'zz', 'ws_zz', 'aabbc'].map((word) => match(workspaces, word)?.name)).toEqual(['other', 'demo', 'aab', 'other', 'other', 'demo'])
    expect([match(workspaces, 'nope'), match(workspaces, 'z'), match(workspaces, '')]).toEqual([null, null, null])
  })
  it('lists what an ambiguous prefix means', () => {
    const error = (() => { try { match(workspaces, 'ws_aa'); return null } catch (thrown) { return thrown } })()
    expect(error).toMatchObject({ code: 'ambiguous_name', details: { matches: ['ws_aabbcc000000', 'ws_aabbdd000000'] } })
  })
})

describe('isSecretName', () => {
  it('knows secrets from their examples', () => {
    for (const name of ['.env', 'a/.env.local', 'id_ed25519', 'x.PEM', '.aws/credentials', 'a/.ssh/config', 'prod.tfvars', 'service-account-1.json']) expect([name, isSecretName(name)]).toEqual([name, true])
    for (const name of ['.env.example', 'environment.ts', 'key.ts', 'id_rsa.pub', 'credentials.test.ts', 'monkey']) expect([name, isSecretName(name)]).toEqual([name, false])
  })
})

describe('detach keys', () => {
  const check = (...chunks: string[]) => {
    const keys = createDetachKeys()
    return chunks.map((chunk) => { const { send, detach } = keys(new TextEncoder().encode(chunk)); return `${JSON.stringify(new TextDecoder().decode(send))}${detach ? ' detach' : ''}` })
  }
  it('leaves on the two keys, also apart, and passes everything else on', () => {
    expect(check('ab\u001dd')).toEqual(['"ab" detach'])
    expect(check('\u001d', 'd')).toEqual(['""', '"" detach'])
    expect(check('\u001d\u001dd')).toEqual(['"\\u001dd"'])
    expect(check('\u001dx')).toEqual(['"\\u001dx"'])
  })
})

describe('hosted', () => {
  it('says what the contract says', () => {
    const id = 'ws_0123456789ab' as WorkspaceId
    expect([hosted.GIT_PATH(id), hosted.ARCHIVE_PATH(id), hosted.ATTACH_PATH(id, 'a b')]).toEqual([contract.GIT_PATH(id), contract.ARCHIVE_PATH(id), contract.ATTACH_PATH(id, 'a b')])
    expect(hosted.HOSTED_REFS).toEqual({ head: HOSTED_REFS.head, wip: HOSTED_REFS.wip, push: HOSTED_REFS.push })
  })
})
