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

/** Each line that a service writes of itself, as it comes. */
const lines = (file: string): string[] => (existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter((line) => line !== '') : [])
async function until(fits: () => boolean): Promise<void> {
  while (!fits()) await Bun.sleep(20)
}
const lives = (pid: string | undefined): boolean => pid !== undefined && existsSync(`/proc/${pid}/stat`) && !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'))

test('one that goes to the background is not begun beside itself, is begun again when it ends, and ends with a stop', async () => {
  const journal = openJournal({ path: join(root, 'journal.sqlite') })
  const begun = join(root, 'begun')
  const spec = { name: 'dev', command: `setsid -f sh -c 'echo $$ >> ${begun}; exec sleep 1000'` }
  const make = () => createServices({ asAgent, journal, workDir: root, logDir: root, log: () => {} })
  const services = make()
  services.converge([spec])
  const notices = () => journal.after(0, 100).filter(({ body }) => body.type === 'workspace.notice')
  try {
    await until(() => notices().length > 0)
    expect(JSON.stringify(notices())).toContain('dev went to the background')
    // The daemon is replaced: it is found again.
    services.release()
    const again = make()
    again.converge([spec])
    try {
      process.kill(Number(lines(begun)[0]), 'SIGKILL')
      await until(() => lines(begun).length > 1)
      expect(lines(begun)).toHaveLength(2)
      expect(notices().length).toBeGreaterThan(0)
      await until(() => notices().length > 1)
    } finally {
      await again.stop()
    }
    expect(lines(begun).map(lives)).toEqual([false, false])
  } finally {
    await services.stop()
    journal.close()
  }
}, 30_000)

test('what a broken one left is ended before it is begun again', async () => {
  const journal = openJournal({ path: join(root, 'journal.sqlite') })
  const helper = join(root, 'helper')
  const services = createServices({ asAgent, journal, workDir: root, logDir: root, log: () => {} })
  services.converge([{ name: 'dev', command: `setsid -f sh -c 'echo $$ >> ${helper}; exec sleep 1000'; while [ ! -s ${helper} ]; do :; done; exit 3` }])
  try {
    await until(() => lines(helper).length > 1)
    expect(lives(lines(helper)[0])).toBe(false)
    expect(journal.after(0, 100).some(({ body }) => body.type === 'service' && body.state === 'exited' && body.exitCode === 3)).toBe(true)
  } finally {
    await services.stop()
    journal.close()
  }
}, 30_000)
