import { expect, test } from 'bun:test'
import { sshMethods } from './reach-methods.ts'
import { SshAccess } from './reach.ts'

const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGCJHBJMua3UVfDB8uyML'
const access = (more: Record<string, unknown>) => ({ user: 'dev', hostKey: KEY, host: 'berth-demo', workDir: '/workspace', generation: 1, ...more })

test('what a machine says of itself is no option of the programs of whoever reaches it', () => {
  for (const good of [{}, { workDir: '/work space/ü' }, { user: 'Ada.Lovelace@example' }, { user: 'DOMAIN\\ada' }]) expect(SshAccess.safeParse(access(good)).success).toBe(true)
  for (const bad of [{ workDir: '--install-extension=x' }, { workDir: 'relative' }, { workDir: '' }, { workDir: '/a\u001b]0;x\u0007' }, { workDir: '/a\n/b' }, { workDir: `/${'a'.repeat(5000)}` }, { user: '-oProxyCommand=x' }, { user: '' }, { user: 'a b' }, { user: 'a\u001b[2J' }, { hostKey: `${KEY}\nevil ${KEY}` }]) {
    expect(SshAccess.safeParse(access(bad)).success).toBe(false)
    expect(sshMethods['ssh.access'].result.safeParse(access(bad)).success).toBe(false)
  }
})
