/**
 * The test command. Installs what the tests need (Debian, as root), runs each part within its minute budget,
 * and ends with one line `N passed, N failed`.
 */
import { existsSync, mkdtempSync, openSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const root = resolve(import.meta.dir, '..')
type Mode = 'quick' | 'all' | 'full'
interface Part {
  readonly name: string
  readonly argv: readonly string[]
  readonly modes: readonly Mode[]
  /** A part that takes longer is ended and counts as one failure. */
  readonly minutes: number
  readonly env?: Record<string, string>
  /** What of it failed is tried once more, and said so at the end. */
  readonly again?: boolean
}

const LANES = 2
/** The daemon's drivers of agents take as long as all the rest of it. */
const AGENTS = 'apps/daemon/src/services/agents'
/** Each call makes a real host work: what begins again forty times, or at every command, takes minutes. */
const SSH = 'packages/providers/src/ssh'
const SSH_SWEEPS = `${SSH}, at length`
/** These hardly compute, they wait: for agents, slow links, deadlines, clones. They run beside the lanes, one after the other. */
const WAITING = new Set([AGENTS, SSH, 'e2e/links.test.ts', 'e2e/idle.test.ts', 'e2e/sources.test.ts', 'e2e/upgrade.test.ts'])

const unit = ['packages/wire', 'packages/client', 'packages/core', 'packages/aws-signature', 'packages/testkit', 'apps/cli']
const e2e = [...new Bun.Glob('**/*.test.ts').scanSync(join(root, 'e2e/src'))].sort()
const daemon = [...new Bun.Glob('apps/daemon/src/**/*.test.ts').scanSync(root)].filter((file) => !file.startsWith(AGENTS)).sort()
const providers = [...new Bun.Glob('packages/providers/src/**/*.test.ts').scanSync(root)].filter((file) => !file.startsWith(SSH)).sort()
const real: Readonly<Record<string, readonly string[]>> = {
  [AGENTS]: [AGENTS], 'apps/daemon': daemon, 'packages/providers': providers,
  [SSH]: ['host', 'isolation'].map((name) => `${SSH}/${name}.test.ts`), [SSH_SWEEPS]: ['contract', 'cut-off', 'lives'].map((name) => `${SSH}/${name}.test.ts`),
  ...Object.fromEntries(['packages/store', 'apps/server', 'packages/toolbox', 'apps/web', 'sim/cloudflare', 'sim/github', 'sim/hetzner', 'sim/ec2', 'sim/fly', 'sim/freestyle', 'sim/kubernetes'].map((dir) => [dir, [dir]])),
}
const bunTest = (paths: readonly string[]) => [process.execPath, 'test', '--timeout', '120000', ...paths.filter((path) => existsSync(join(root, path))).map((path) => `./${path}`)]

/** What judges a promise of the product is never tried until it passes. The others drive browsers and programs that keep no exact time. */
const ONCE = new Set(['capability.test.ts', 'crash.test.ts', 'rollback.test.ts', 'links.test.ts', 'approval-over-time.test.ts', 'flows.test.ts', 'leak.test.ts', 'leak-exec.test.ts', 'leak-own-host.test.ts'])

/** The capability test: nothing else matters while it is red. Then the longest, so that the lanes end together. */
const FIRST = ['e2e/capability.test.ts', AGENTS, 'apps/daemon', 'e2e/crash.test.ts']
const rank = ({ name }: Part): number => (FIRST.includes(name) ? FIRST.indexOf(name) : FIRST.length)

/** Each is a hundred megabytes to fetch and a minute to drive, and what they share is tried with the two that are not here. */
const FULL = new Set(['page/recovery.test.ts', 'attack/policy-off.test.ts', 'surface/preview-left-behind.test.ts', 'repos.test.ts', 'deploy-key.test.ts', ...['engine', 'kubernetes', 'hetzner', 'ssh', 'vm'].map((kind) => `canary/${kind}.test.ts`), 'saved/move-killed.test.ts', 'clouds/deploy-systemd.test.ts', 'clouds/vm.test.ts', 'clouds/vm-fork.test.ts', 'clouds/laptop-off.test.ts', 'clouds/ec2-dead-man.test.ts', 'clouds/pool.test.ts', 'model/agents.test.ts', 'surface/round-trip-large.test.ts', ...['acp', 'claude', 'copilot', 'gemini', 'mcp', 'opencode', 'qwen'].map((agent) => `agents/${agent}.test.ts`), 'clouds/ec2.test.ts', 'clouds/image.test.ts', 'clouds/prepared.test.ts', 'clouds/boot-log.test.ts', 'clouds/move.test.ts', 'leak-exec.test.ts', 'clouds/exec.test.ts', 'clouds/freestyle.test.ts', 'clouds/fly.test.ts', 'clouds/fly-image.test.ts', 'clouds/ssh.test.ts', 'clouds/kubernetes.test.ts', 'clouds/kubernetes-sandboxes.test.ts', 'surface/devcontainer-compose.test.ts', 'surface/editor-in-browser.test.ts', 'surface/sessions-opencode.test.ts', 'surface/sync-interrupted.test.ts', 'surface/toolchains.test.ts'])

const mode = (process.argv[2] ?? 'all') as Mode
const parts: readonly Part[] = [
  { name: 'check', argv: [process.execPath, 'scripts/check.ts'], modes: ['quick', 'all', 'full'], minutes: 2 },
  { name: 'unit', argv: bunTest(unit), modes: ['quick', 'all', 'full'], minutes: 2 },
  ...[
    ...e2e.map((file): Part => ({ name: `e2e/${file}`, argv: bunTest([`e2e/src/${file}`]), modes: FULL.has(file) ? ['full'] : ['all', 'full'], minutes: mode === 'full' ? 60 : 6, again: !ONCE.has(file) })),
    ...Object.entries(real).map(([name, paths]): Part => ({ name, argv: bunTest(paths), modes: name === SSH_SWEEPS ? ['full'] : ['all', 'full'], minutes: mode === 'full' ? 30 : 6, again: true })),
  ].sort((a, b) => rank(a) - rank(b)),
]

/** command → Debian package, for what the tests use. */
const NEEDS: Record<string, string> = {
  pebble: 'pebble', 'docker-compose': 'docker-compose', 'systemd-analyze': 'systemd', nginx: 'nginx-light', caddy: 'caddy', promtool: 'prometheus', 'qemu-system-x86_64': 'qemu-system-x86', 'qemu-img': 'qemu-utils', git: 'git', 'git-lfs': 'git-lfs', tmux: 'tmux', bwrap: 'bubblewrap', socat: 'socat', rg: 'ripgrep', zstd: 'zstd', dockerd: 'docker.io', setpriv: 'util-linux',
  'qemu-aarch64-static': 'qemu-user-static', '/usr/aarch64-linux-gnu/lib/ld-linux-aarch64.so.1': 'libc6-arm64-cross', '/lib/ld-musl-x86_64.so.1': 'musl', ldd: 'libc-bin',
  ssh: 'openssh-client', '/usr/sbin/sshd': 'openssh-server', rsync: 'rsync', curl: 'curl', python3: 'python3', chromium: 'chromium', busybox: 'busybox-static', ss: 'iproute2', ps: 'procps', tar: 'tar', iptables: 'iptables', mmdebstrap: 'mmdebstrap', hcloud: 'hcloud-cli', npm: 'npm', pip3: 'python3-pip', openssl: 'openssl', kubectl: 'kubernetes-client', 'docker-registry': 'docker-registry',
}

if (!['quick', 'all', 'full'].includes(mode)) {
  console.error(`unknown mode ${mode}\nhint: ./test, ./test quick or ./test full`)
  process.exit(2)
}
const cleanups: (() => void | Promise<void>)[] = []
if (mode !== 'quick') {
  installPackages()
  await startDocker()
}
let passed = 0
let failed = 0
const flaky: string[] = []
const failures: string[] = []
const wanted = parts.filter((candidate) => candidate.modes.includes(mode))
const queue = wanted.filter(({ name }) => !WAITING.has(name))
// Each prints when it is done.
await Promise.all([...Array.from({ length: LANES }, () => lane(queue)), lane(wanted.filter(({ name }) => WAITING.has(name)))])
for (const cleanup of cleanups.reverse()) await cleanup()
for (const flake of flaky) console.log(`passed only when tried again: ${flake}`)
for (const failure of failures) console.log(`failed: ${failure}`)
console.log(`${passed} passed, ${failed} failed`)
process.exit(failed === 0 ? 0 : 1)

async function lane(of: Part[]): Promise<void> {
  for (let part = of.shift(); part; part = of.shift()) {
    const first = await run(part)
    const second = first.failed > 0 && part.again === true ? await run({ ...part, argv: first.files.length > 0 ? bunTest(first.files) : part.argv }) : null
    if (second?.failed === 0) flaky.push(...first.failures.map((failure) => `${part.name}: ${failure}`))
    const result = second?.failed === 0 ? { passed: Math.max(second.passed, first.passed + first.failed), failed: 0, failures: [] } : first
    passed += result.passed
    failed += result.failed
    failures.push(...result.failures.map((failure) => `${part.name}: ${failure}`))
  }
}

function installPackages(): void {
  const missing = Object.entries(NEEDS).filter(([command]) => !Bun.which(command)).map(([, name]) => name)
  if (missing.length === 0) return
  if (process.getuid?.() !== 0 || !Bun.which('apt-get')) {
    console.error(`the tests need: ${missing.join(' ')}\nhint: install these packages, or run ./test as root on Debian`)
    process.exit(5)
  }
  console.log(`installing ${missing.join(' ')}`)
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  Bun.spawnSync(['apt-get', 'update', '-qq'], { env, stdout: 'ignore', stderr: 'inherit' })
  const result = Bun.spawnSync(['apt-get', 'install', '-y', '-qq', '--no-install-recommends', ...missing, ...(missing.includes('docker.io') ? ['tini'] : []), ...(missing.includes('prometheus') ? ['python3-prometheus-client'] : [])], { env, stdout: 'ignore', stderr: 'inherit' })
  if (result.exitCode !== 0) {
    console.error('the packages could not be installed\nhint: see the lines above')
    process.exit(5)
  }
}

/** An engine for the docker tests: the running one, else our own for the time of the tests. */
async function startDocker(): Promise<void> {
  const socket = '/var/run/docker.sock'
  const answers = async () => {
    try {
      return (await fetch('http://docker/_ping', { unix: socket })).ok
    } catch {
      return false
    }
  }
  if (await answers()) return
  if (process.getuid?.() !== 0) return
  const work = mkdtempSync(join(tmpdir(), 'berth-dockerd-'))
  const log = openSync(join(work, 'log'), 'w')
  const child = Bun.spawn(['dockerd', '--pidfile', join(work, 'pid')], { stdout: log, stderr: log })
  cleanups.push(async () => {
    child.kill('SIGTERM')
    await child.exited
    rmSync(work, { recursive: true, force: true })
  })
  for (let tries = 0; tries < 120 && child.exitCode === null; tries++) {
    if (await answers()) return
    await Bun.sleep(250)
  }
  console.error(await Bun.file(join(work, 'log')).text())
  console.error('no Docker engine: the docker tests will fail')
}

interface Result { readonly passed: number; readonly failed: number; readonly failures: readonly string[]; /** In which these stand, where it is known. */ readonly files: readonly string[] }
async function run(part: Part): Promise<Result> {
  const started = performance.now()
  const child = Bun.spawn([...part.argv], { cwd: root, stdout: 'pipe', stderr: 'pipe', env: { ...process.env, ...part.env, BERTH_TEST_MODE: mode, FORCE_COLOR: '0' } })
  let late = false
  const timer = setTimeout(() => {
    late = true
    child.kill('SIGKILL')
  }, part.minutes * 60_000)
  const [out, err, code] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited])
  clearTimeout(timer)
  const counts = count(out + err, code)
  console.log(`\n── ${part.name}\n${out}${err}`)
  if (late) console.log(`${part.name}: ended after its ${part.minutes} minutes`)
  const unsaid = late || (code !== 0 && counts.failed === 0)
  const { failures: said, files } = named(out + err)
  const result = { passed: counts.passed, failed: counts.failed + (unsaid ? 1 : 0), failures: [...said, ...(unsaid ? [late ? 'took too long' : `ended with ${code}`] : [])], files: unsaid ? [] : files }
  console.log(`── ${part.name}: ${result.passed} passed, ${result.failed} failed in ${((performance.now() - started) / 1000).toFixed(1)} s`)
  return result
}

/** What failed, by name: bun's lines, below that of their file, and those of the check. Bun says them again at its end. */
function named(text: string): { failures: string[]; files: string[] } {
  const [failures, files] = [new Set<string>(), new Set<string>()]
  let file = ''
  for (const line of text.split('\n')) {
    file = /^\d+ tests? failed:$/.test(line) ? '' : (/^(\S+\.test\.ts):$/.exec(line)?.[1] ?? file)
    const failure = /^(?:\(fail\)|✗) (.*)/.exec(line)?.[1]
    if (failure === undefined) continue
    failures.add(failure)
    if (file !== '') files.add(file)
  }
  return { failures: [...failures], files: [...files] }
}

/** bun's closing lines are ` N pass` and ` N fail`; the check prints ✓ and ✗. */
function count(text: string, code: number): { passed: number; failed: number } {
  const sum = (pattern: RegExp) => [...text.matchAll(pattern)].reduce((total, match) => total + Number(match[1]), 0)
  const marks = (mark: string) => text.split('\n').filter((line) => line.startsWith(`${mark} `)).length
  const passed = sum(/^ *(\d+) pass$/gm)
  const failed = sum(/^ *(\d+) fail$/gm)
  if (passed + failed > 0) return { passed, failed }
  return { passed: marks('✓'), failed: code === 0 ? 0 : Math.max(1, marks('✗')) }
}
