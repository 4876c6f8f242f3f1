import { afterAll, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bareKey, fingerprintOf, makeSshKey, privateKeyFile, sshSignature } from './ed25519.ts'

const dir = mkdtempSync(join(tmpdir(), 'berth-ssh-keys-'))
afterAll(() => rmSync(dir, { recursive: true, force: true }))
const file = (name: string, content: string): string => {
  const path = join(dir, name)
  writeFileSync(path, content, { mode: 0o600 })
  return path
}
const openssh = (args: readonly string[], input = ''): { code: number; text: string } => {
  const done = Bun.spawnSync(['ssh-keygen', ...args], { stdin: Buffer.from(input) })
  return { code: done.exitCode, text: done.stdout.toString() + done.stderr.toString() }
}

test('OpenSSH reads the key as the one that it was made as', () => {
  for (let round = 0; round < 8; round++) {
    const key = makeSshKey('berth northquay/ledger')
    const path = file(`key-${round}`, privateKeyFile(key))
    expect(openssh(['-y', '-f', path]).text.trim()).toBe(bareKey(key))
    expect(openssh(['-lf', file(`key-${round}.pub`, key.publicKey)]).text).toContain(fingerprintOf(key.publicKey.split(' ')[1] ?? ''))
  }
})

test('OpenSSH takes the signature, of these words in this namespace alone', () => {
  const key = makeSshKey('ada')
  const signature = file('said.sig', sshSignature(key, 'git', Buffer.from('said\n')))
  const allowed = file('allowed', `ada@example.org ${bareKey(key)}\n`)
  const verify = (namespace: string, words: string) => openssh(['-Y', 'verify', '-f', allowed, '-I', 'ada@example.org', '-n', namespace, '-s', signature], words)
  expect(verify('git', 'said\n')).toMatchObject({ code: 0, text: expect.stringContaining('Good "git" signature') })
  expect(verify('git', 'said otherwise\n').code).not.toBe(0)
  expect(verify('file', 'said\n').code).not.toBe(0)
})
