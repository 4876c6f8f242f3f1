import { afterEach, beforeEach, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readLog } from './read-log.ts'
import type { LogPlace } from './read-log.ts'

const SECRET = 'hunter2-is-no-password'
let logDir = ''
beforeEach(() => { logDir = mkdtempSync(join(tmpdir(), 'berth-logs-')) })
afterEach(() => rmSync(logDir, { recursive: true, force: true }))
const place = (snapshot?: string): LogPlace => ({ logDir, secrets: new Set([SECRET]), terminals: { get: async () => (snapshot === undefined ? null : { snapshot: async () => snapshot } as never) } })

test('what a hook, a server or the agent printed of the environment is read without its secrets', async () => {
  writeFileSync(join(logDir, 'setup.log'), `NPM_TOKEN=${SECRET}\n`)
  writeFileSync(join(logDir, 'service-dev.log'), `{"token":"${SECRET}"}\n`)
  expect(await readLog(place(), 'setup', 1000)).toBe('NPM_TOKEN=[masked]\n')
  expect(await readLog(place(), 'dev', 1000)).toBe('{"token":"[masked]"}\n')
  expect(await readLog(place(`$ env\n${SECRET}\n`), 'agent', 1000)).toBe('$ env\n[masked]\n')
  await expect(readLog(place(), 'nobody', 1000)).rejects.toThrow('no log of nobody')
})

test('a service that is called as a step or the agent is has its own log', async () => {
  const long = 'x'.repeat(64)
  for (const name of ['setup', 'agent', long]) writeFileSync(join(logDir, `service-${name}.log`), `of ${name}\n`)
  writeFileSync(join(logDir, 'setup.log'), 'a step\n')
  for (const name of ['setup', 'agent', long]) expect(await readLog(place('a screen'), `service-${name}`, 1000)).toBe(`of ${name}\n`)
  expect(await readLog(place(), 'setup', 1000)).toBe('a step\n')
})

test('no end of a secret is left where the log is cut', async () => {
  writeFileSync(join(logDir, 'service-dev.log'), `${'a'.repeat(100)}${SECRET}${'b'.repeat(100)}`)
  for (let tail = 90; tail < 140; tail++) {
    const text = await readLog(place(), 'dev', tail)
    expect(text).not.toContain(SECRET.slice(-4))
    expect(text).toEndWith('b'.repeat(80))
    expect(text.length).toBeLessThanOrEqual(tail)
  }
})
