/** The reference CLI's place is taken by a script that says who it is and goes on for ever. */
import { afterEach, beforeEach, expect, test } from 'bun:test'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

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

test.skipIf(Bun.which('docker') === null)('a build ends with the server that began it', async () => {
  const said = join(dir, 'pid')
  const pid = (): number | null => (existsSync(said) ? Number(readFileSync(said, 'utf8')) : null)
  writeFileSync(join(dir, 'cli.js'), `require('node:fs').writeFileSync(${JSON.stringify(said)}, String(process.pid)); setInterval(() => {}, 1000)`)
  writeFileSync(join(dir, 'server.ts'), `
    import { existsSync, readFileSync } from 'node:fs'
    import { createDevcontainerCli } from ${JSON.stringify(join(import.meta.dir, 'cli.ts'))}
    const scratch = ${JSON.stringify(join(dir, 'scratch'))}
    const cli = createDevcontainerCli({ script: ${JSON.stringify(join(dir, 'cli.js'))}, dockerHost: 'unix:///nowhere' })
    await Bun.$\`mkdir -p \${scratch}\`
    cli.build({ folder: scratch, config: scratch, tag: 'x' }, { signal: new AbortController().signal, log: () => {}, scratch }).catch(() => {})
    while (!existsSync(${JSON.stringify(said)}) || readFileSync(${JSON.stringify(said)}, 'utf8') === '') await Bun.sleep(5)
    process.exit(0)
  `)
  cleanups.push(() => { if (pid() !== null && isThere(pid() ?? 0)) process.kill(-(pid() ?? 0), 'SIGKILL') })
  const server = Bun.spawn([process.execPath, join(dir, 'server.ts')], { stdio: ['ignore', 'ignore', 'inherit'] })
  expect(await server.exited).toBe(0)
  expect(pid()).toBeGreaterThan(0)
  // Until whoever inherits it has taken notice of its end; the test's own limit is the other way out.
  while (isThere(pid() ?? 0)) await Bun.sleep(5)
})
