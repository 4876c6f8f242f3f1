import { expect, it } from 'bun:test'
import { mkdir, mkdtemp, open, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { SERVER_LOG_FILE } from '@berth/wire/server-file'
import { asJson } from './log.ts'

it('moves the older half of its own log aside when that is too large, and goes on in the same file', async () => {
  const home = await mkdtemp(join(tmpdir(), 'berth-log-'))
  try {
    const path = join(home, SERVER_LOG_FILE)
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, `${'old line\n'.repeat(1_300_000)}the newest of the old\n`)
    const before = await stat(path)
    const file = await open(path, 'a')
    const script = `import { createLog } from ${JSON.stringify(join(import.meta.dir, 'log.ts'))}; const log = createLog(${JSON.stringify(home)}); log('first'); log('second')`
    const child = Bun.spawn([process.execPath, '-e', script], { stdin: 'ignore', stdout: 'ignore', stderr: file.fd })
    expect(await child.exited).toBe(0)
    await file.close()
    const after = await stat(path)
    expect(after.ino).toBe(before.ino)
    expect((await readFile(path, 'utf8')).trim().split('\n').map((line) => line.split(' ').at(-1))).toEqual(['first', 'second'])
    const aside = await readFile(`${path}.1`, 'utf8')
    expect(aside.length).toBe(5 * 1024 * 1024)
    expect(aside).toEndWith('the newest of the old\n')
    expect((await stat(`${path}.1`)).mode & 0o077).toBe(0)
  } finally {
    await rm(home, { recursive: true, force: true })
  }
})

it('says a line as one object, with the part of the server it is about', () => {
  const at = new Date(0)
  const said = (line: string): unknown => JSON.parse(asJson(line, at))
  expect(said('tls: no certificate for "a"\nmore')).toEqual({ time: at.toISOString(), level: 'info', about: 'tls', message: 'no certificate for "a"\nmore' })
  expect(said('bug: TypeError')).toMatchObject({ level: 'error', about: 'bug' })
  expect(said('ready on http://127.0.0.1:7420')).toEqual({ time: at.toISOString(), level: 'info', message: 'ready on http://127.0.0.1:7420' })
})
