import { afterEach, beforeEach, expect, test } from 'bun:test'
import { existsSync, readFileSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { copyDisk, DISK } from './copy-disk.ts'

/** What a computer's own user could leave in its directories, and say in its QEMU's place. */
let dir: string
let to: string
let server: Server | null = null
const signal = new AbortController().signal
beforeEach(async () => {
  const root = await mkdtemp(join(tmpdir(), 'copy-disk-'))
  dir = join(root, 'machine')
  to = join(root, 'copy')
  for (const name of ['state', 'run']) await mkdir(join(dir, name), { recursive: true })
  await writeFile(join(root, 'secret'), 'secret')
})
afterEach(async () => {
  server?.close()
  server = null
  await rm(join(dir, '..'), { recursive: true, force: true })
})
const refused = async (): Promise<boolean> => (await copyDisk(dir, { to, uid: null }, signal).catch((error: unknown) => error)) instanceof Error
/** As long as this test does. */
function runs(): Promise<void> {
  const stat = readFileSync('/proc/self/stat', 'utf8')
  return writeFile(join(dir, 'process.json'), JSON.stringify({ pid: process.pid, startTime: stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19], bootId: readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim(), startedAt: 0 }))
}
async function says(...lines: readonly string[]): Promise<void> {
  await new Promise<void>((resolve) => { server = createServer((socket) => { socket.on('error', () => {}).write(lines.map((line) => `${line}\n`).join('')) }).listen(join(dir, 'run/control.sock'), resolve) })
}
const DONE = '{"event":"BLOCK_JOB_COMPLETED","data":{"device":"copy.qcow2"}}'

test('a disk is copied as it is, for its owner alone', async () => {
  await writeFile(join(dir, 'state', DISK), 'a disk')
  await copyDisk(dir, { to, uid: null }, signal)
  expect([await readFile(to, 'utf8'), (await stat(to)).mode & 0o777]).toEqual(['a disk', 0o600])
})

test('a disk that is a link is not followed', async () => {
  await symlink('../../secret', join(dir, 'state', DISK))
  expect([await refused(), existsSync(to)]).toEqual([true, false])
})

test('a control that is a link is not followed', async () => {
  await runs()
  await says(DONE)
  await rename(join(dir, 'run/control.sock'), join(dir, 'elsewhere'))
  await symlink('../elsewhere', join(dir, 'run/control.sock'))
  const heard: Socket[] = []
  server?.on('connection', (socket) => heard.push(socket))
  expect([await refused(), existsSync(to), heard.length]).toEqual([true, false, 0])
})

test('a copy that is a link is not taken', async () => {
  await runs()
  await new Promise<void>((resolve) => { server = createServer((socket) => void symlink('../../secret', join(dir, 'state/copy.qcow2')).then(() => socket.write(`${DONE}\n`))).listen(join(dir, 'run/control.sock'), resolve) })
  expect([await refused(), existsSync(to), existsSync(`${to}.new`)]).toEqual([true, false, false])
})

test('what says that it copied and did not, that it could not, or nothing that one can read, has copied nothing', async () => {
  await runs()
  for (const lines of [[DONE], ['{"error":{"desc":"no such device"}}'], ['{"event":"BLOCK_JOB_COMPLETED","data":{"device":"copy.qcow2","error":"no space"}}'], ['null', '{"error":7}', '{"event":"BLOCK_JOB_CANCELLED","data":{"device":"copy.qcow2"}}']]) {
    await says(...lines)
    expect([await refused(), existsSync(to), existsSync(`${to}.new`)]).toEqual([true, false, false])
    server?.close()
    await rm(join(dir, 'run/control.sock'), { force: true })
  }
})
