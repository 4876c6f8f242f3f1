/** What a terminal promises, over both of its keepers: real tmux, real holders, real PTYs. */
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Terminal, Terminals, TerminalViewer } from '../../contracts.ts'
import { MACHINE_ENV } from '../../machine.ts'
import { endMarked } from '../processes/end.ts'
import { listProcesses, carries } from '../processes/table.ts'
import { createHolderTerminals } from './holder.ts'
import { createTmuxTerminals, findTmux } from './tmux.ts'

const DROP = process.getuid?.() === 0 ? { uid: 65534, gid: 65534, name: 'nobody' } : null
const WAIT_MS = 30_000
type Keeper = (dir: string, machineBoot: string) => Terminals & { close(): void }
const tmux = findTmux()
const KEEPERS: [string, Keeper][] = [
  ['holder', (stateDir, machineBoot) => createHolderTerminals({ stateDir, machineBoot, user: DROP, log: () => {} })],
  ...(tmux === null ? [] : [['tmux', (stateDir, machineBoot) => createTmuxTerminals({ stateDir, machineBoot, user: DROP, log: () => {}, tmux })] as [string, Keeper]]),
]

describe.each(KEEPERS)('a terminal kept by %s', (_, keep) => {
  let dir = ''
  let work = ''
  let machineBoot = ''
  let terminals: Terminals & { close(): void }

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'berth-term-'))
    work = mkdtempSync(join(tmpdir(), 'berth-work-'))
    chmodSync(work, 0o777)
    machineBoot = crypto.randomUUID()
    terminals = keep(dir, machineBoot)
  })
  afterEach(async () => {
    terminals.close()
    await endMarked(`${MACHINE_ENV}=${machineBoot}`)
    rmSync(dir, { recursive: true, force: true })
    rmSync(work, { recursive: true, force: true })
  })

  const start = async (script: string, extra: { cols?: number; rows?: number } = {}): Promise<Terminal> => {
    const opened = await terminals.open({ terminalId: 'agent', title: 'the agent', argv: ['bash', '--norc', '-c', script], cwd: work, env: { PATH: process.env['PATH'] ?? '', [MACHINE_ENV]: machineBoot, LANG: 'C.UTF-8' }, ...extra })
    return opened.terminal
  }

  test('runs as the agent, with its own terminal, and echoes', async () => {
    const terminal = await start('id -u; test -w "$(tty)" && echo owns-tty; exec cat')
    const viewer = await look(terminal)
    await viewer.sees('owns-tty')
    if (DROP !== null) expect(viewer.text()).toContain('65534')
    await viewer.write('hello-there\r')
    await viewer.sees(/hello-there[^]*hello-there/)
    expect(terminal.inputAgeMs()).not.toBeNull()
    await viewer.detach()
    expect(terminal.viewers()).toBe(0)
  })

  test('pastes text of many lines exactly, bracketed, and free of control bytes', async () => {
    const expected = '\u001b[200~first «ü» 漢字\rsecond\r\tthird[201~ end 🚀\u001b[201~'
    const terminal = await start(`printf '\\033[?2004h'; stty raw -echo; echo ready; dd bs=1 count=${Buffer.byteLength(expected)} of=${work}/got 2>/dev/null; echo gotten; exec cat`)
    const viewer = await look(terminal)
    await viewer.sees('ready')
    await terminal.paste('first «ü» 漢字\nsecond\r\n\tthird\u001b[201~ end 🚀')
    await viewer.sees('gotten')
    expect(await Bun.file(`${work}/got`).text()).toBe(expected)
  })

  test('sends named keys', async () => {
    const terminal = await start('trap "echo interrupted" INT; echo ready; while true; do read -r line && echo "line:$line"; done')
    const viewer = await look(terminal)
    await viewer.sees('ready')
    await terminal.write(new TextEncoder().encode('words'))
    await terminal.key('Enter')
    await viewer.sees('line:words')
    await terminal.key('C-c')
    await viewer.sees('interrupted')
  })

  test('is sized by who takes part, never by who watches', async () => {
    const terminal = await start('echo ready; last=; while true; do now=$(stty size); [ "$now" = "$last" ] || echo "$now"; last=$now; read -r -t 0.05 line; done', { cols: 80, rows: 24 })
    const first = await look(terminal, { cols: 100, rows: 30 })
    await first.sees(/30 100/)
    const watcher = await look(terminal, { cols: 40, rows: 10, mode: 'watch' })
    await watcher.sees('ready')
    const second = await look(terminal, { cols: 70, rows: 20 })
    await second.write(' ')
    await second.sees(/20 70/)
    await second.resize(72, 22)
    await second.sees(/22 72/)
    expect(first.text() + second.text()).not.toContain('10 40')
    await second.detach()
    await first.sees(/30 100[^]*30 100/)
  })

  test('shows a late viewer what was there, and both see what comes', async () => {
    const terminal = await start('for i in $(seq 1 60); do echo "line-$i-end"; done; exec cat')
    const first = await look(terminal)
    await first.sees('line-60-end')
    const second = await look(terminal)
    await second.sees('line-2-end')
    await second.sees('line-60-end')
    await first.write('both\r')
    await Promise.all([first.sees('both'), second.sees('both')])
    expect(await terminal.snapshot()).toContain('line-60-end')
    const picture = await terminal.picture()
    expect(picture.ansi).toContain('line-60-end')
    expect([picture.cols, picture.rows].every((cells) => cells > 1)).toBe(true)
    expect(terminal.viewers()).toBe(2)
    const own = await terminal.attach({ cols: 80, rows: 24, mode: 'watch', own: true, onBytes: () => {}, onExit: () => {} })
    expect(terminal.viewers()).toBe(2)
    await own.detach()
  })

  test('lives on without the daemon and is found again', async () => {
    const terminal = await start('echo began-$$; exec cat')
    await (await look(terminal)).sees(/began-\d+/)
    terminals.close()
    terminals = keep(dir, machineBoot)
    const again = await terminals.open({ terminalId: 'agent', title: 'the agent', argv: ['false'], cwd: work, env: {} })
    expect(again.adopted).toBe(true)
    expect(again.terminal.title).toBe('the agent')
    expect((await terminals.list()).map(({ terminalId }) => terminalId)).toEqual(['agent'])
    const viewer = await look(again.terminal)
    await viewer.sees(/began-\d+/)
    await viewer.write('still\r')
    await viewer.sees('still')
  })

  test('tells the exit code, to viewers and afterwards, and starts anew', async () => {
    const terminal = await start('read -r line; exit 7')
    const viewer = await look(terminal)
    expect(await terminal.exited()).toBeNull()
    await viewer.write('go\r')
    expect(await viewer.exit).toBe(7)
    expect(await terminal.exited()).toEqual({ code: 7 })
    const again = await terminals.open({ terminalId: 'agent', title: 'again', argv: ['cat'], cwd: work, env: { PATH: process.env['PATH'] ?? '' } })
    expect(again.adopted).toBe(false)
    expect(await again.terminal.exited()).toBeNull()
  })

  test('ends the program and its children, even those that left its session', async () => {
    const terminal = await start('trap "" TERM HUP; setsid sh -c "trap \\"\\" TERM; echo away; while :; do sleep 1; done" & sh -c "while :; do sleep 1; done" & echo ready; while :; do sleep 1; done')
    await (await look(terminal)).sees(/(away[^]*ready|ready[^]*away)/)
    const mark = `BERTH_TERMINAL=${machineBoot}/agent`
    expect(listProcesses().filter((entry) => carries(entry.pid, mark)).length).toBeGreaterThan(2)
    await terminal.kill()
    expect(listProcesses().filter((entry) => entry.state !== 'Z' && carries(entry.pid, mark))).toEqual([])
    expect(await terminals.get('agent')).toBeNull()
  }, 30_000)

  test('a viewer that does not read neither stops the program nor fills memory, and catches up', async () => {
    const terminal = await start(`echo ready; read -r line; head -c 120000000 /dev/zero | tr '\\0' 'x' | fold -w 79; touch ${work}/flooded; echo after-the-flood; exec cat`)
    const gate = Promise.withResolvers<void>()
    const stalled = await look(terminal, { hold: gate.promise })
    const reader = await look(terminal)
    await reader.sees('ready')
    const before = settledRss()
    await reader.write('go\r')
    await reader.sees('after-the-flood')
    expect(await Bun.file(`${work}/flooded`).exists()).toBe(true)
    // Kept whole, the flood would be far above this; garbage of the reader itself is not what is asked about.
    expect(settledRss() - before).toBeLessThan(80 * 1024 * 1024)
    gate.resolve()
    await stalled.sees('after-the-flood')
  }, 60_000)

  test('passes hostile bytes on and stays usable', async () => {
    writeFileSync(join(work, 'hostile'), Buffer.concat([Buffer.from('\u001b]52;c;aGFja2Vk\u0007\u001bP$q"p\u001b\\\u001b[999999;999999H\u001b[2147483647b\u001b]0;title\u0007\u001b[?1049h\u001b[?1049l\u001b[6n'), Buffer.from([0xff, 0xfe, 0xc0, 0x80, 0x9b, 0x1b, 0x5b]), Buffer.from('\u001b[0m\r\nusable\r\n')]))
    const terminal = await start(`stty -echo; cat ${work}/hostile; exec cat`)
    const viewer = await look(terminal)
    await viewer.sees('usable')
    await viewer.write('\rstill-here\r')
    await viewer.sees('still-here')
    expect(await terminal.snapshot()).toContain('usable')
  })

  test('keeps secrets out of every argv and leaves no start file', async () => {
    const opened = await terminals.open({ terminalId: 'agent', title: 'x', argv: ['sh', '-c', 'echo began; exec cat'], cwd: work, env: { PATH: process.env['PATH'] ?? '', TOKEN: 'hunter2-hunter2', [MACHINE_ENV]: machineBoot } })
    const viewer = await look(opened.terminal)
    await viewer.sees('began')
    const found = Bun.spawnSync(['sh', '-c', 'cat /proc/[0-9]*/cmdline 2>/dev/null | tr "\\0" " "']).stdout.toString()
    expect(found).not.toContain('hunter2')
    expect(Bun.spawnSync(['grep', '-rl', 'hunter2', dir]).stdout.toString()).toBe('')
  })
})

function settledRss(): number {
  Bun.gc(true)
  return process.memoryUsage().rss
}

interface Look { cols?: number; rows?: number; mode?: 'control' | 'watch'; hold?: Promise<void> }
interface Looker { sees(what: string | RegExp): Promise<void>; text(): string; write(text: string): Promise<void>; resize: TerminalViewer['resize']; detach: TerminalViewer['detach']; readonly exit: Promise<number | null> }

async function look(terminal: Terminal, options: Look = {}): Promise<Looker> {
  let seen = ''
  let check = (): void => {}
  const exit = Promise.withResolvers<number | null>()
  const decoder = new TextDecoder()
  const viewer = await terminal.attach({
    cols: options.cols ?? 80, rows: options.rows ?? 24, mode: options.mode ?? 'control',
    async onBytes(bytes) {
      if (options.hold !== undefined) await options.hold
      seen = (seen + decoder.decode(bytes, { stream: true })).slice(-500_000)
      check()
    },
    onExit: (code) => { exit.resolve(code) },
  })
  return {
    exit: exit.promise, text: () => seen, resize: viewer.resize, detach: viewer.detach,
    write: (text) => viewer.write(new TextEncoder().encode(text)),
    sees: (what) => new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => { reject(new Error(`never saw ${String(what)}; saw ${JSON.stringify(seen.slice(-1500))}`)) }, WAIT_MS)
      check = (): void => {
        if (typeof what === 'string' ? !seen.includes(what) : !what.test(seen)) return
        clearTimeout(timer)
        resolve()
      }
      check()
    }),
  }
}
