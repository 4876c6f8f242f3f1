/** The pure parts; the whole is shown by e2e/src/surface/ssh.test.ts with OpenSSH's own client. */
import { afterEach, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { hostKeyIn } from './host-key.ts'
import { leftOut, sshdConfig } from './sshd-config.ts'
import { findSshd } from './sshd-program.ts'

const scratch: string[] = []
afterEach(() => {
  for (const dir of scratch.splice(0)) rmSync(dir, { recursive: true, force: true })
})
function directory(): string {
  const dir = mkdtempSync(join(tmpdir(), 'berth-sshd-'))
  scratch.push(dir)
  return dir
}
function run(...argv: string[]): { code: number; text: string } {
  const { exitCode, stdout, stderr } = Bun.spawnSync(argv)
  return { code: exitCode, text: `${stdout.toString()}${stderr.toString()}` }
}

test('the host key is made once, for nobody else to read, and is one that OpenSSH reads', () => {
  const dir = directory()
  const key = hostKeyIn(dir)
  expect(hostKeyIn(dir)).toEqual(key)
  expect(hostKeyIn(directory()).publicKey).not.toBe(key.publicKey)
  expect(statSync(join(dir, 'ssh/host-key.json')).mode & 0o777).toBe(0o600)
  const file = join(dir, 'key')
  writeFileSync(file, key.privateKey, { mode: 0o600 })
  expect(run('ssh-keygen', '-y', '-f', file)).toEqual({ code: 0, text: `${key.publicKey}\n` })
})

test('sshd understands the configuration, whatever the environment holds', () => {
  const dir = directory()
  const key = join(dir, 'key')
  writeFileSync(key, hostKeyIn(dir).privateKey, { mode: 0o600 })
  const values = ['plain', '', 'two words', '"quoted" and \'quoted\'', 'back\\slash\\', '# no comment', '%h $HOME `id`', 'ünïcödé', '\ttabs\t', 'x'.repeat(100_000)]
  const env = { ...Object.fromEntries(values.map((value, index) => [`V${index}`, value])), LINES: 'one\ntwo', TERM: 'dumb', 'not a name': 'x', SSH_AUTH_SOCK: '/x' }
  const config = sshdConfig({ hostKeyFile: key, authorizedKeysFile: join(dir, 'keys'), user: 'dev', workspaceName: 'demo', env })
  const file = join(dir, 'sshd_config')
  writeFileSync(file, config)
  const seen = run('/usr/sbin/sshd', '-T', '-f', file).text
  for (const [index, value] of values.entries()) expect(seen).toContain(`setenv V${index}=${value}\n`)
  expect(seen).not.toMatch(/setenv (TERM|SSH_|not a name|LINES)/)
  for (const line of ['passwordauthentication no', 'usepam no', 'permituserenvironment no', 'permituserrc no', 'gatewayports no']) expect(seen).toContain(`${line}\n`)
  expect(leftOut(env)).toEqual(['LINES'])
})

test('a machine without an sshd says so, and what to do', () => {
  expect(() => findSshd({ toolboxDir: join(directory(), 'hash'), path: '/nonexistent', skipOwn: true })).toThrow('no sshd')
})
