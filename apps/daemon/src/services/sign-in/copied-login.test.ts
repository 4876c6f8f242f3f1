import { createHash } from 'node:crypto'
import { afterEach, expect, it } from 'bun:test'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { openJournal } from '../../journal/journal.ts'
import { isNewer, rememberLogins, withoutOldLogins } from './copied-login.ts'

const PATH = '.claude/.credentials.json'
const login = (n: number): string => JSON.stringify({ claudeAiOauth: { accessToken: `placeholder-${n}`, refreshToken: `placeholder-${n}`, expiresAt: 1_900_000_000_000 + n } })
const file = (n: number, path = PATH) => ({ path, contentBase64: Buffer.from(login(n)).toString('base64') })
const cleanups: (() => void)[] = []
afterEach(() => { for (const cleanup of cleanups.splice(0).toReversed()) cleanup() })

it('writes a copied login once, and again only when a person brings another', () => {
  const dir = mkdtempSync(join(tmpdir(), 'berth-copied-'))
  const journal = openJournal({ path: join(dir, 'journal.sqlite') })
  cleanups.push(() => rmSync(dir, { recursive: true, force: true }), () => journal.close())
  const home = { journal, homeDir: join(dir, 'home'), agentUid: null }
  const put = (n: number): void => {
    mkdirSync(dirname(join(home.homeDir, PATH)), { recursive: true })
    writeFileSync(join(home.homeDir, PATH), login(n))
  }
  const token = file(1, '.secrets/token')
  const start = (...files: ReturnType<typeof file>[]): string[] => {
    const written = withoutOldLogins([...files, token], home)
    rememberLogins(written, home)
    return written.map(({ path }) => path)
  }
  expect(start(file(1))).toEqual([PATH, token.path])
  put(1)
  // The agent renews it; what the server has is older now, stop and start as one may.
  put(7)
  expect(start(file(1))).toEqual([token.path])
  expect(start(file(1))).toEqual([token.path])
  // Copied anew.
  expect(start(file(9))).toEqual([PATH, token.path])
  put(9)
  // Signed out, or restored from a state without it.
  rmSync(join(home.homeDir, PATH))
  expect(start(file(9))).toEqual([PATH, token.path])
})

it('tells by the times of both where nothing is remembered', () => {
  const here = login(5)
  expect([4, 5, 6].map((n) => isNewer(login(n), { here, written: null }))).toEqual([false, false, true])
  expect(isNewer(login(4), { here: 'half a fi', written: null })).toBe(true)
  expect(isNewer(login(4), { here: null, written: createHash('sha256').update(login(4)).digest('hex') })).toBe(true)
  expect(isNewer(JSON.stringify({ auth_mode: 'apikey', OPENAI_API_KEY: 'placeholder' }), { here, written: null })).toBe(false)
})
