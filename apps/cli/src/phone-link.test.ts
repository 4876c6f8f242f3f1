import { expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SERVER_FILE } from '@berth/wire/server-file'
import type { Io } from './io.ts'
import { showPublicLink } from './phone-link.ts'
import { findServer } from './server-process/find.ts'

test('the link of a server that runs already is not shown for one that cannot begin', async () => {
  const home = mkdtempSync(join(tmpdir(), 'berth-link-'))
  const server = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: () => Response.json({ ok: true, version: '0', installation: 'mine' }) })
  try {
    writeFileSync(join(home, SERVER_FILE), JSON.stringify({ pid: process.pid, url: `http://127.0.0.1:${server.port}`, version: '0', installation: 'mine' }))
    expect((await findServer(home)).kind).toBe('running')
    const said: string[] = []
    const io = { note: (line: string) => said.push(line), noteStyle: { dim: (text: string) => text } } as unknown as Io
    const over = new AbortController()
    const shown = showPublicLink({ io, home }, process.pid + 1, over.signal)
    // It has looked by then; the server in the foreground ends.
    for (let look = 0; look < 5; look++) await findServer(home)
    over.abort()
    await shown
    expect(said).toEqual([])
  } finally {
    await server.stop(true)
    rmSync(home, { recursive: true, force: true })
  }
})
