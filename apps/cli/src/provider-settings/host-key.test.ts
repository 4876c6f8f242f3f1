import { afterAll, beforeAll, beforeEach, expect, test } from 'bun:test'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pinHostKey } from './host-key.ts'

let dir = ''
let port = 0
let sshd: Bun.Subprocess | null = null
const known = (): string => join(dir, 'home/providers/ssh.known_hosts')
const pinned = (): string | null => (existsSync(known()) ? readFileSync(known(), 'utf8') : null)
const keyOf = (name: string): string => readFileSync(join(dir, `${name}.pub`), 'utf8').split(' ').slice(0, 2).join(' ')
const fingerprintOf = (name: string): string => Bun.spawnSync(['ssh-keygen', '-lf', join(dir, name)]).stdout.toString().split(' ')[1] ?? ''

async function serve(name: string): Promise<void> {
  sshd?.kill('SIGKILL')
  await sshd?.exited
  sshd = Bun.spawn(['/usr/sbin/sshd', '-D', '-f', '/dev/null', '-h', join(dir, name), '-o', 'PidFile=none', '-o', `ListenAddress=127.0.0.1:${port}`], { stdin: 'ignore', stdout: 'ignore', stderr: 'ignore' })
  for (;;) {
    if (await Bun.connect({ hostname: '127.0.0.1', port, socket: { data() {}, open: (socket) => void socket.end() } }).then(() => true, () => false)) return
    await Bun.sleep(20)
  }
}

const asked: string[] = []
/** A person who answers so, or nobody. */
const as = (answer: string | null) => ({
  home: join(dir, 'home'), env: { HOME: join(dir, 'person') }, signal: new AbortController().signal,
  io: { interactive: answer !== null, note: (text: string) => void asked.push(text), ask: async () => answer ?? '' },
// The rest of `io` is for results, which a pin has none of.
}) as unknown as Parameters<typeof pinHostKey>[0]
const pin = (answer: string | null, expected: string | null = null) => pinHostKey(as(answer), { host: `me@127.0.0.1:${port}`, expected })

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'host-key-'))
  for (const name of ['one', 'other']) Bun.spawnSync(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', join(dir, name)])
  mkdirSync('/run/sshd', { recursive: true })
  const probe = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data() {} } })
  ;({ port } = probe)
  probe.stop(true)
  await serve('one')
})
afterAll(async () => {
  sshd?.kill('SIGKILL')
  await sshd?.exited
  rmSync(dir, { recursive: true, force: true })
})
beforeEach(() => {
  asked.length = 0
  for (const each of ['home', 'person']) rmSync(join(dir, each), { recursive: true, force: true })
})

test('asks a person, who sees the fingerprint, and pins what they say yes to', async () => {
  expect(await pin('no').catch((error: unknown) => error)).toMatchObject({ code: 'cancelled' })
  expect(pinned()).toBeNull()
  await pin('yes')
  expect(asked.join()).toContain(fingerprintOf('one'))
  expect(pinned()).toBe(`[127.0.0.1]:${port} ${keyOf('one')}\n`)
  // The same one again is no question.
  await pin(null)
})

test('with nobody to ask, it takes the fingerprint that was named and no other', async () => {
  expect(await pin(null).catch((error: unknown) => error)).toMatchObject({ code: 'bad_request', hint: expect.stringContaining(`--host-key ${fingerprintOf('one')}`) })
  expect(await pin(null, fingerprintOf('other')).catch((error: unknown) => error)).toMatchObject({ code: 'bad_request', message: expect.stringContaining('shows another host key') })
  expect(pinned()).toBeNull()
  await pin(null, fingerprintOf('one'))
  expect(pinned()).toContain(keyOf('one'))
})

test('believes what the person\'s own ssh believes, also where it keeps names hashed', async () => {
  const file = join(dir, 'person/.ssh/known_hosts')
  mkdirSync(join(dir, 'person/.ssh'), { recursive: true })
  writeFileSync(file, `[127.0.0.1]:${port} ${keyOf('other')}\n`)
  expect(await pin(null).catch((error: unknown) => error)).toMatchObject({ code: 'bad_request' })
  writeFileSync(file, `[127.0.0.1]:${port} ${keyOf('one')}\n`)
  Bun.spawnSync(['ssh-keygen', '-q', '-H', '-f', file])
  expect(readFileSync(file, 'utf8')).not.toContain('127.0.0.1')
  await pin(null)
  expect(pinned()).toContain(keyOf('one'))
})

test('another key than before is never believed by itself', async () => {
  await pin('yes')
  await serve('other')
  mkdirSync(join(dir, 'person/.ssh'), { recursive: true })
  writeFileSync(join(dir, 'person/.ssh/known_hosts'), `[127.0.0.1]:${port} ${keyOf('other')}\n`)
  expect(await pin(null).catch((error: unknown) => error)).toMatchObject({ code: 'bad_request', message: expect.stringContaining('had another host key before') })
  expect(pinned()).toContain(keyOf('one'))
  await pin(null, fingerprintOf('other'))
  expect(pinned()).toBe(`[127.0.0.1]:${port} ${keyOf('other')}\n`)
})

test('a host that shows none is said to', async () => {
  expect(await pinHostKey(as('yes'), { host: 'me@127.0.0.1:1', expected: null }).catch((error: unknown) => error)).toMatchObject({ code: 'provider_unavailable' })
})
