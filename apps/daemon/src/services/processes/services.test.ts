import { afterEach, beforeEach, expect, test } from 'bun:test'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, watch } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openJournal } from '../../journal/journal.ts'
import type { AsAgent } from '../../contracts.ts'
import { createServices } from './services.ts'

let root = ''
beforeEach(() => { root = mkdtempSync(join(tmpdir(), 'berth-services-')) })
afterEach(() => rmSync(root, { recursive: true, force: true }))
const asAgent = { environment: () => ({ PATH: process.env['PATH'] ?? '' }), command: (argv: readonly string[]) => ({ argv: [...argv] }) } as unknown as AsAgent

test('the log of a service that talks without end stays short, and goes on', async () => {
  const journal = openJournal({ path: join(root, 'journal.sqlite') })
  const services = createServices({ asAgent, journal, workDir: root, logDir: root, log: () => {}, logLimitBytes: 100_000 })
  const log = services.logFile('dev')
  const shortened = new Promise<void>((resolve) => {
    let before = 0
    const watcher = watch(root, () => {
      const size = existsSync(log) ? statSync(log).size : 0
      if (size < before) {
        watcher.close()
        resolve()
      }
      before = size
    })
  })
  services.converge([{ name: 'dev', command: 'n=0; while :; do n=$((n+1)); echo "line $n is as long as this"; [ $((n % 500)) = 0 ] && sleep 0.1; done' }])
  try {
    await shortened
    while (statSync(log).size === 0) await Bun.sleep(10)
    // No hole stands where the beginning was.
    expect(readFileSync(log, 'utf8')).toMatch(/^[^\0]*line \d+ is/)
  } finally {
    await services.stop()
    journal.close()
  }
}, 20_000)
