import { afterEach, expect, it } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openJournal } from '../../../journal/journal.ts'
import { openDisplayDoor } from './display-door.ts'
import type { DisplayDoor } from './display-door.ts'
import type { Displayed } from './live-messages.ts'

const dir = mkdtempSync(join(tmpdir(), 'berth-door-'))
const open: DisplayDoor[] = []
afterEach(async () => { for (const door of open.splice(0)) await door.close() })
const journal = openJournal({ path: join(dir, 'journal.sqlite') })
process.once('exit', () => rmSync(dir, { recursive: true, force: true }))

function door(displayed: (line: Displayed) => void): DisplayDoor {
  const made = openDisplayDoor({ journal, name: 'display.test', sessionUuid: () => 'uuid', displayed })
  open.push(made)
  return made
}
const body = (over: Record<string, unknown> = {}): string => JSON.stringify({ hook_event_name: 'MessageDisplay', session_id: 'uuid', message_id: 'm', index: 0, delta: 'a line\n', final: false, ...over })

it('takes the lines of its own session, from whoever knows its secret', async () => {
  const heard: Displayed[] = []
  const { url } = door((line) => heard.push(line))
  const post = (to: string, text: string, headers: Record<string, string> = {}) => fetch(to, { method: 'POST', body: text, headers }).then(({ status }) => status)
  expect(await post(url, body())).toBe(200)
  expect(await post(url, body({ session_id: 'another' }))).toBe(200)
  expect(await post(url, body({ agent_id: 'a sub-agent' }))).toBe(200)
  expect(await post(url, 'not json')).toBe(200)
  expect(await post(`${url}x`, body())).toBe(404)
  expect(await post(new URL('/', url).href, body())).toBe(404)
  expect(await post(url, body(), { origin: 'http://evil.example' })).toBe(404)
  expect(await post(url, body(), { host: 'evil.example' })).toBe(404)
  expect((await fetch(url)).status).toBe(404)
  expect(heard).toEqual([{ messageId: 'm', delta: 'a line\n', final: false }])
})

it('is at the same address after a restart, and elsewhere when somebody took it', async () => {
  const first = door(() => {})
  await first.close()
  expect(door(() => {}).url).toBe(first.url)
  const other = door(() => {})
  expect(new URL(other.url).port).not.toBe(new URL(first.url).port)
  expect(new URL(other.url).pathname).toBe(new URL(first.url).pathname)
})
