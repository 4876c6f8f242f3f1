/** The reference CLI's place is taken by a script that says who it is and goes on for ever. */
import { afterEach, beforeEach, expect, test } from 'bun:test'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createDevcontainerCli } from './cli.ts'

let dir = ''
const cleanups: (() => void)[] = []
beforeEach(() => { dir = mkdtempSync(join(tmpdir(), 'berth-devcontainer-cli-')) })
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup()
  rmSync(dir, { recursive: true, force: true })
})

const isThere = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

test.skipIf(Bun.which('docker') === null)('a build ends with the server that began it, and its files go with both', async () => {
  const said = join(dir, 'pid')
  const pid = (): number | null => (existsSync(said) ? Number(readFileSync(said, 'utf8')) : null)
  writeFileSync(join(dir, 'cli.js'), `require('node:fs').writeFileSync(${JSON.stringify(said)}, String(process.pid)); setInterval(() => {}, 1000)`)
  writeFileSync(join(dir, 'server.ts'), `
    import { existsSync, readFileSync } from 'node:fs'
    import { createDevcontainerCli } from ${JSON.stringify(join(import.meta.dir, 'cli.ts'))}
    import { openScratch } from ${JSON.stringify(join(import.meta.dir, 'scratch.ts'))}
    const { path: scratch } = await openScratch()
    const cli = createDevcontainerCli({ script: ${JSON.stringify(join(dir, 'cli.js'))}, dockerHost: 'unix:///nowhere', memoryBytes: 1_000_000_000 })
    cli.build({ folder: scratch, config: scratch, tag: 'x' }, { signal: new AbortController().signal, log: () => {}, scratch }).catch(() => {})
    while (!existsSync(${JSON.stringify(said)}) || readFileSync(${JSON.stringify(said)}, 'utf8') === '') await Bun.sleep(5)
    process.exit(0)
  `)
  cleanups.push(() => { if (pid() !== null && isThere(pid() ?? 0)) process.kill(-(pid() ?? 0), 'SIGKILL') })
  const server = Bun.spawn([process.execPath, join(dir, 'server.ts')], { stdio: ['ignore', 'ignore', 'inherit'], env: { ...process.env, TMPDIR: dir } })
  expect(await server.exited).toBe(0)
  expect(pid()).toBeGreaterThan(0)
  // Until whoever inherits it has taken notice of its end; the test's own limit is the other way out.
  while (isThere(pid() ?? 0)) await Bun.sleep(5)
  expect(readdirSync(dir).toSorted()).toEqual(['cli.js', 'pid', 'server.ts'])
})

test.skipIf(Bun.which('docker') === null)('what is read beside a build is told of the image when it is there, and does not begin when nobody wants it', async () => {
  const [began, told] = [join(dir, 'began'), join(dir, 'told')]
  writeFileSync(join(dir, 'cli.js'), `
    const { execFileSync } = require('node:child_process')
    require('node:fs').appendFileSync(${JSON.stringify(began)}, 'x')
    const docker = process.argv[process.argv.indexOf('--docker-path') + 1]
    const image = JSON.parse(execFileSync(docker, ['inspect', '--type', 'image', 'made']))
    require('node:fs').writeFileSync(${JSON.stringify(told)}, '')
    console.log(JSON.stringify({ mergedConfiguration: { image, containers: String(execFileSync(docker, ['ps', '-q'])) } }))
  `)
  const cli = createDevcontainerCli({ script: join(dir, 'cli.js'), dockerHost: 'unix:///nowhere', memoryBytes: 1 })
  const image = Promise.withResolvers<unknown>()
  const merged = (signal: AbortSignal) => cli.merged({ folder: dir, config: dir, image: image.promise }, { signal, log: () => {}, scratch: join(dir, 'scratch') })
  const reading = merged(new AbortController().signal)
  while (!existsSync(began)) await Bun.sleep(5)
  expect(existsSync(told)).toBe(false)
  const words = 'x'.repeat(100_000)
  image.resolve({ Id: 'sha256:1', Config: { Labels: { words } } })
  expect(await reading).toEqual({ image: [{ Id: 'sha256:1', Config: { Labels: { words } } }], containers: '' })
  expect(await merged(AbortSignal.abort(new Error('nobody'))).then(() => 'read', (error: unknown) => String(error))).toContain('nobody')
  expect(readFileSync(began, 'utf8')).toBe('x')
})

test.skipIf(Bun.which('docker') === null)('a build that ends before the engine is asked gives the reason, in the log too', async () => {
  const said = { outcome: 'error', message: `ENOENT: no such file or directory, open '${dir}/.devcontainer/missing/devcontainer-feature.json'`, description: 'An error occurred building the container.' }
  writeFileSync(join(dir, 'cli.js'), `console.error(JSON.stringify({ type: 'text', level: 3, text: "Resolving Feature dependencies for './missing'..." })); console.log(${JSON.stringify(JSON.stringify(said))})`)
  const cli = createDevcontainerCli({ script: join(dir, 'cli.js'), dockerHost: 'unix:///nowhere', memoryBytes: 1 })
  const context = { signal: new AbortController().signal, log: () => {}, scratch: join(dir, 'scratch') }
  const why = "ENOENT: no such file or directory, open '.devcontainer/missing/devcontainer-feature.json'"
  for (const run of [() => cli.build({ folder: dir, config: dir, tag: 'x' }, context), () => cli.merged({ folder: dir, config: dir, image: new Promise(() => {}) }, context)]) {
    expect(await run().catch((error: unknown) => error)).toMatchObject({ name: 'BuildFailed', message: why, log: `Resolving Feature dependencies for './missing'...\n${why}` })
  }
})

test('what a killed server left is removed when it is old, and nothing else', async () => {
  const script = `import { tidyScratch } from ${JSON.stringify(join(import.meta.dir, 'scratch.ts'))}; await tidyScratch(Date.now())`
  for (const name of ['berth-devcontainer-old', 'berth-devcontainer-new', 'another']) mkdirSync(join(dir, name, 'workspace'), { recursive: true })
  symlinkSync(join(dir, 'another'), join(dir, 'berth-devcontainer-link'))
  for (const name of ['berth-devcontainer-old', 'another', 'berth-devcontainer-link']) utimesSync(join(dir, name), 1, 1)
  expect(await Bun.spawn([process.execPath, '-e', script], { stdio: ['ignore', 'ignore', 'inherit'], env: { ...process.env, TMPDIR: dir } }).exited).toBe(0)
  expect(readdirSync(dir).toSorted()).toEqual(['another', 'berth-devcontainer-link', 'berth-devcontainer-new'])
})

const busybox = ['/bin/busybox', '/usr/bin/busybox'].find((path) => existsSync(path))
test.skipIf(Bun.which('docker') === null || busybox === undefined || !existsSync('/var/run/docker.sock'))('a step of a build has only so much memory, and the build ends with its signal', async () => {
  const image = `berth-test/busybox:${crypto.randomUUID()}`
  cleanups.push(() => { Bun.spawnSync(['docker', 'rmi', '-f', image, `${image}-made`]) })
  expect(Bun.spawnSync(['sh', '-c', `tar -C / -ch ${busybox?.slice(1)} | docker import - ${image}`]).exitCode).toBe(0)
  const context = (signal = new AbortController().signal) => ({ signal, log: () => {}, scratch: join(dir, 'scratch') })
  const build = async (memoryBytes: number, script: string, signal?: AbortSignal): Promise<string> => {
    mkdirSync(join(dir, 'scratch'), { recursive: true })
    writeFileSync(join(dir, 'Dockerfile'), `FROM ${image}\nRUN ${JSON.stringify([busybox, 'sh', '-c', `: ${crypto.randomUUID()}; ${script}`])}\n`)
    const cli = createDevcontainerCli({ script: '', dockerHost: 'unix:///var/run/docker.sock', memoryBytes })
    return cli.buildPlain({ context: dir, dockerfile: join(dir, 'Dockerfile'), args: {}, target: null, tag: `${image}-made` }, context(signal)).then(() => 'built', (error: unknown) => String(error))
  }
  const hungry = `${busybox} awk 'BEGIN { s = "x"; while (length(s) < 150000000) s = s s }'`
  expect(await build(64 * 1024 ** 2, hungry)).toMatch(/returned a non-zero code: 137|signal: killed|exit code: 137/)
  expect(await build(1024 ** 3, hungry)).toBe('built')
  const stop = new AbortController()
  const endless = build(1024 ** 3, `${busybox} sleep 3600`, stop.signal)
  setTimeout(() => { stop.abort(new Error('stopped')) }, 1000)
  expect(await endless).toContain('stopped')
}, 180_000)
