/** What is written for OpenSSH, and what is left alone. OpenSSH itself reads it where it can tell. */
import { afterEach, expect, test } from 'bun:test'
import { lstatSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { disconnect } from './disconnect.ts'
import { launchOf } from './editors.ts'
import { hostsOf, pinned, readHosts } from './hosts.ts'
import type { Host, Hosts } from './hosts.ts'
import { hostEntries, hostNames, knownHostLines } from './render.ts'
import { publicKeyOf, socketDir, sshHome } from './ssh-home.ts'
import { exclude, include } from './user-config.ts'

const scratch: string[] = []
afterEach(() => {
  for (const dir of scratch.splice(0)) rmSync(dir, { recursive: true, force: true })
})
function directory(prefix = 'berth-ssh-'): string {
  const dir = mkdtempSync(join(tmpdir(), prefix))
  scratch.push(dir)
  return dir
}
const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGCJHBJMua3UVfDB8uyML'
const host = (more: Partial<Host> = {}): Host => ({ id: 'ws_aaaabbbbcccc', name: 'demo', user: 'dev', workDir: '/workspace', hostKey: KEY, generation: 1, server: null, ...more })
const hostsBy = (...all: Host[]): Hosts => Object.fromEntries(all.map((one) => [one.id, one]))

test('the include is put before everything, once, and taken away to the byte', async () => {
  const check = async (before: string | null): Promise<void> => {
    const dir = directory()
    const path = join(dir, 'new', 'config')
    if (before !== null) {
      mkdirSync(join(dir, 'new'))
      writeFileSync(path, before, { mode: 0o644 })
    }
    expect(await include(path, '/home/me/.berth/ssh/config')).toBe(true)
    expect(readFileSync(path, 'utf8')).toStartWith('# Workspaces of berth')
    expect(await include(path, '/home/me/.berth/ssh/config')).toBe(false)
    expect(statSync(path).mode & 0o777).toBe(before === null ? 0o600 : 0o644)
    // Of another home: both stand.
    expect(await include(path, '/other/ssh/config')).toBe(true)
    expect(await exclude(path, '/home/me/.berth/ssh/config')).toBe(true)
    expect(await exclude(path, '/other/ssh/config')).toBe(true)
    expect(readFileSync(path, 'utf8')).toBe(before ?? '')
    expect(await exclude(path, '/other/ssh/config')).toBe(false)
  }
  // Kept twice by somebody, or with the other kind of line ends: nothing of it is left.
  const path = join(directory(), 'config')
  writeFileSync(path, '')
  await include(path, '/x/config')
  const ours = readFileSync(path, 'utf8')
  writeFileSync(path, `${ours}Host a\r\n${ours.replaceAll('\n', '\r\n')}${ours}`)
  expect(await exclude(path, '/x/config')).toBe(true)
  expect(readFileSync(path, 'utf8')).toBe('Host a\r\n')
  for (const before of [null, '', 'Host a\n  User b\n', 'Host a\n  User b', '\n\n# mine\r\nHost *\r\n']) await check(before)
})

test('a configuration that is a link to where somebody keeps it stays one', async () => {
  const dir = directory()
  writeFileSync(join(dir, 'kept'), 'Host a\n', { mode: 0o600 })
  symlinkSync('kept', join(dir, 'config'))
  await include(join(dir, 'config'), '/x/config')
  expect(lstatSync(join(dir, 'config')).isSymbolicLink()).toBe(true)
  expect(readFileSync(join(dir, 'kept'), 'utf8')).toContain('Include "/x/config"')
})

test('OpenSSH reads the entries, also in a home with a per cent sign, a quote and a blank', async () => {
  const home = directory("berth 100% it's ")
  const at = sshHome(home)
  await publicKeyOf(at)
  const text = hostEntries(hostsBy(host(), host({ id: 'ws_dddd', name: 'other', user: 'node', server: 'team' })), { home, at, sockets: null })
  const file = join(home, 'config')
  writeFileSync(file, text, { mode: 0o600 })
  const asked = (name: string): string => Bun.spawnSync(['ssh', '-F', file, '-G', name]).stdout.toString()
  expect(asked('berth-demo')).toContain('hostname ws_aaaabbbbcccc\n')
  expect(asked('berth-demo')).toContain('user dev\n')
  expect(asked('berth-demo')).toMatch(/^forwardagent no$/m)
  expect(asked('berth-demo')).toMatch(/^stricthostkeychecking (true|yes)$/m)
  expect(asked('berth-other')).toContain('BERTH_CONTEXT=team')
  // Only the server of this home has a door.
  expect(asked('berth-other')).toContain(' ssh --stdio ws_dddd\n')
  // What OpenSSH runs is what we meant: its shell puts the words together again.
  const proxy = /^proxycommand (.*)$/m.exec(asked('berth-demo'))?.[1]?.replaceAll('%%', '%') ?? ''
  expect(Bun.spawnSync(['sh', '-c', `printf '%s\\n' ${proxy}`]).stdout.toString().split('\n')).toEqual(expect.arrayContaining([`BERTH_HOME=${home}`, 'ssh', '--hand-over', 'ws_aaaabbbbcccc']))
})

test('what two servers call the same has two names, and the short one is of this home', () => {
  const home = directory()
  const all = hostsBy(host({ id: 'ws_far', server: 'team' }), host(), host({ id: 'ws_farther', server: 'lab' }), host({ id: 'ws_only', name: 'only', server: 'team' }), host({ id: 'ws_odd', server: 'a b' }))
  const file = join(home, 'config')
  writeFileSync(file, hostEntries(all, { home, at: sshHome(home), sockets: null }), { mode: 0o600 })
  const led = (name: string): string => /^hostname (.*)$/m.exec(Bun.spawnSync(['ssh', '-F', file, '-G', name]).stdout.toString())?.[1] ?? ''
  expect(Object.fromEntries(hostNames(all))).toEqual({ ws_far: 'berth-demo.team', ws_aaaabbbbcccc: 'berth-demo', ws_farther: 'berth-demo.lab', ws_only: 'berth-only', ws_odd: 'ws_odd' })
  for (const [id, name] of hostNames(all)) expect(led(name)).toBe(id)
})

test('nothing that a machine or a server says becomes a line of its own', () => {
  const home = directory()
  const evil = 'x\n  ProxyCommand touch /tmp/evil'
  for (const bad of [host({ name: evil }), host({ user: evil }), host({ id: evil })]) expect(hostEntries(hostsBy(bad), { home, at: sshHome(home), sockets: null })).not.toContain('ProxyCommand')
  expect(knownHostLines(hostsBy(host({ hostKey: `${KEY}\n* ssh-ed25519 AAAA` })))).not.toContain('AAAA')
})

test('a machine keeps its host key; a new machine has a new one', () => {
  const access = (hostKey: string, generation: number) => ({ user: 'dev', hostKey, host: 'berth-demo', workDir: '/workspace', generation })
  const workspace = { id: 'ws_aaaabbbbcccc', name: 'demo', server: null }
  const first = pinned({}, workspace, access(`${KEY} a comment`, 1))
  expect(first[workspace.id]?.hostKey).toBe(KEY)
  expect(pinned(first, workspace, access(KEY, 1))).toEqual(first)
  // Another of that name: the one before is gone, wherever it was deleted. One of another server is another.
  expect(Object.keys(pinned({ ...first, ws_far: host({ id: 'ws_far', server: 'team' }) }, { ...workspace, id: 'ws_again' }, access(KEY, 1)))).toEqual(['ws_far', 'ws_again'])
  expect(() => pinned(first, workspace, access('ssh-ed25519 BBBB', 1))).toThrow('another host key')
  expect(pinned(first, workspace, access('ssh-ed25519 BBBB', 2))[workspace.id]?.hostKey).toBe('ssh-ed25519 BBBB')
})

test('what is no entry in the file of what is known is passed over', async () => {
  const home = directory()
  const { dir, hosts } = sshHome(home)
  mkdirSync(dir)
  const good = host()
  for (const [text, known] of [['', {}], ['null', {}], ['[null]', {}], ['"x"', {}], ['{"a":5,"b":{"id":1}}', {}], [JSON.stringify({ a: null, [good.id]: good, c: { ...good, hostKey: 7 } }), { [good.id]: good }]] as const) {
    writeFileSync(hosts, text)
    expect(await readHosts({ home })).toEqual(known)
  }
})

test('entries follow the workspaces of their server and leave those of others', () => {
  const known = hostsBy(host(), host({ id: 'ws_gone', name: 'gone' }), host({ id: 'ws_far', name: 'far', server: 'team' }))
  const listed = [{ id: 'ws_aaaabbbbcccc', name: 'renamed' }, { id: 'ws_new', name: 'new' }] as unknown as Parameters<typeof hostsOf>[0]
  const now = hostsOf(listed, known, null)
  expect(Object.keys(now).sort()).toEqual(['ws_aaaabbbbcccc', 'ws_far', 'ws_new'])
  expect(now['ws_aaaabbbbcccc']).toMatchObject({ name: 'renamed', hostKey: KEY })
  expect(now['ws_new']).toMatchObject({ hostKey: null, user: 'dev' })
})

test('shared connections get a private directory with a short name', async () => {
  const near = await socketDir(sshHome(directory()))
  expect(near).toEndWith('/ssh/m')
  const far = join(directory(), 'a'.repeat(80))
  const dir = await socketDir(sshHome(far))
  scratch.push(dir ?? '')
  expect(dir?.startsWith(far)).toBe(false)
  expect(statSync(dir ?? '').mode & 0o777).toBe(0o700)
})

test('OpenSSH shows the words of a refusal', () => {
  const file = join(directory(), 'refusal')
  writeFileSync(file, disconnect('demo is stopped; berth start demo\u001b[31m'))
  const said = Bun.spawnSync(['ssh', '-F', 'none', '-o', `ProxyCommand=sh -c 'cat ${file} -'`, '-o', 'BatchMode=yes', 'x'])
  expect(said.exitCode).toBe(255)
  expect(said.stderr.toString()).toContain('demo is stopped; berth start demo?[31m')
})

test('each editor is told the machine and the directory', () => {
  const at = { ...host({ workDir: '/work space' }), alias: 'berth-demo' }
  expect(launchOf('cursor', at)).toEqual({ argv: ['cursor', '--remote', 'ssh-remote+berth-demo', '/work space'], url: 'cursor://vscode-remote/ssh-remote+berth-demo/work%20space' })
  expect(launchOf('zed', at).argv).toEqual(['zed', 'ssh://berth-demo/work%20space'])
  expect(launchOf('jetbrains', at).url).toContain('host=berth-demo&port=22&user=dev&projectPath=%2Fwork+space')
})
