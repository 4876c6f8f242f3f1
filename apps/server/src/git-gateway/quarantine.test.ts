/** Mirrors of git hosts after many fetches: real git on both sides, and a clone that goes on meanwhile. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { startGitServer } from '@berth/testkit/git-server'
import type { GitServer } from '@berth/testkit/git-server'
import type { OrgId } from '@berth/wire'
import { createQuarantines } from './quarantine.ts'
import type { Quarantines } from './quarantine.ts'

const FETCHES = 25
const OBJECTS = 60
/** As many may be there before they are put together; what nobody's ref leads to has one of its own then. */
const MOST = 22
const ORG = 'org_000000000000' as OrgId
const CREDENTIAL = { username: 'x-access-token', token: 'canary-mirror', expiresAt: null, release: null, discard: null }
const never = new AbortController().signal
let root = ''
let host: GitServer
let quarantines: Quarantines
const logged: string[] = []
const work = () => join(root, 'work')
const address = () => ({ origin: `http://127.0.0.1:${host.port}`, path: 'private-ledger' })
const mirror = () => quarantines.mirrorOf(ORG, address())
const fetchIt = () => quarantines.mirror(ORG, address(), CREDENTIAL, never)
const packs = () => readdirSync(join(mirror(), 'objects', 'pack')).filter((name) => name.endsWith('.pack'))
const looseCount = () => readdirSync(join(mirror(), 'objects'), { recursive: true, withFileTypes: true }).filter((each) => each.isFile() && /objects\/[0-9a-f]{2}$/.test(each.parentPath)).length

function git(...args: string[]): string {
  const { stdout, stderr, exitCode } = Bun.spawnSync(['git', '-c', 'user.name=Ada', '-c', 'user.email=ada@example.org', '-c', 'gc.auto=0', ...args], { env: { PATH: process.env['PATH'] ?? '', HOME: root, GIT_CONFIG_NOSYSTEM: '1' } })
  if (exitCode !== 0) throw new Error(`git ${args.join(' ')}: ${stderr.toString()}`)
  return stdout.toString().trim()
}
/** Somebody pushes to the host; answers the commit. */
function grow(name: string, files: number, bytes: number): string {
  const dir = join(work(), name)
  mkdirSync(dir)
  for (let at = 0; at < files; at++) writeFileSync(join(dir, String(at)), randomBytes(bytes))
  git('-C', work(), 'add', '-A')
  git('-C', work(), 'commit', '-qm', name)
  git('-C', work(), 'push', '-q', join(root, 'private-ledger.git'), 'HEAD:main')
  return git('-C', work(), 'rev-parse', 'HEAD')
}
const whole = (dir: string) => Number(git('--git-dir', dir, 'rev-list', '--objects', '--all', '--count'))

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'berth-mirror-'))
  git('init', '-q', '-b', 'main', work())
  git('init', '-q', '--bare', '-b', 'main', join(root, 'private-ledger.git'))
  host = startGitServer(root, { username: CREDENTIAL.username, token: CREDENTIAL.token })
  quarantines = createQuarantines({ dir: join(root, 'quarantine'), log: (line) => void logged.push(line) })
})
afterAll(async () => {
  await host?.close()
  rmSync(root, { recursive: true, force: true })
})

test('a mirror has few packs after many fetches, and a clone that goes on all the while is whole', async () => {
  // Three packs, which are put together while they are read.
  for (const name of ['one', 'two', 'three']) {
    grow(name, OBJECTS, 40_000)
    await fetchIt()
  }
  const [first, tip] = [packs(), git('-C', work(), 'rev-parse', 'HEAD')]
  expect(first.length).toBe(3)
  const [go, reading] = [join(root, 'go'), join(root, 'reading')]
  // It is given the beginning, and the rest only when all fetches are over.
  const slowly = `f() { git-upload-pack "$@" | { dd bs=4096 count=40 status=none; : > '${reading}'; while test ! -e '${go}'; do sleep 0.05; done; cat; }; }; f`
  const clone = Bun.spawn(['git', 'clone', '-q', '--bare', '--no-local', '-u', slowly, `file://${mirror()}`, join(root, 'clone.git')], { stdout: 'ignore', stderr: 'pipe', env: { PATH: `${process.env['PATH'] ?? ''}:${git('--exec-path')}`, HOME: root, GIT_CONFIG_NOSYSTEM: '1' } })
  while (!existsSync(reading) && clone.exitCode === null) await Bun.sleep(10)
  let most = 0
  for (let at = 0; at < FETCHES; at++) {
    grow(`more-${at}`, 2, 50)
    await fetchIt()
    most = Math.max(most, packs().length)
  }
  writeFileSync(go, '')
  const said = await new Response(clone.stderr).text()
  expect([await clone.exited, said]).toEqual([0, ''])
  expect(git('--git-dir', join(root, 'clone.git'), 'rev-parse', 'main')).toBe(tip)
  git('--git-dir', join(root, 'clone.git'), 'fsck', '--full', '--strict')
  expect(whole(join(root, 'clone.git'))).toBe(3 * (OBJECTS + 3))
  // What the clone read is not there any more.
  expect(packs().filter((name) => first.includes(name)).length).toBeLessThan(first.length)
  expect(most).toBeLessThanOrEqual(MOST)
  expect(whole(mirror())).toBe(3 * (OBJECTS + 3) + FETCHES * 5)
  git('--git-dir', mirror(), 'fsck', '--full')
  expect(logged).toEqual([])
}, 140_000)

test('what no ref leads to stays for its grace, and a run that was ended in the middle keeps none from its turn', async () => {
  // What the host gave up may still be read by somebody who began before.
  const bare = join(root, 'private-ledger.git')
  const givenUp = git('--git-dir', bare, 'commit-tree', '-m', 'given up', '-p', 'main', 'main^{tree}')
  git('--git-dir', bare, 'update-ref', 'refs/heads/gone', givenUp)
  await fetchIt()
  git('--git-dir', bare, 'update-ref', '-d', 'refs/heads/gone')
  // As git would write it, by a process that is there.
  writeFileSync(join(mirror(), 'gc.pid'), `${process.pid} ${hostname()}`)
  for (let at = 0; at < FETCHES; at++) {
    grow(`small-${at}`, 1, 50)
    await fetchIt()
  }
  expect(looseCount()).toBeLessThan(5)
  expect(git('--git-dir', mirror(), 'for-each-ref', '--format=%(refname)')).toBe('refs/heads/main')
  expect(git('--git-dir', mirror(), 'cat-file', '-t', givenUp)).toBe('commit')
  expect(packs().length).toBeLessThanOrEqual(MOST)
  git('--git-dir', mirror(), 'fsck', '--full')
  expect(logged).toEqual([])
}, 60_000)
