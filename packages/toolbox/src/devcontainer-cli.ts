/** The reference implementation of devcontainers, run beside an engine as a process of its own; one file of JavaScript. */
import { randomBytes } from 'node:crypto'
import { mkdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { runBun } from './bun-run.ts'
import { exists } from './daemon-build.ts'
import { makeReadableDir } from './readable-dir.ts'

export const DEVCONTAINER_CLI = { name: '@devcontainers/cli', version: '0.89.0', entry: 'dist/spec-node/devContainersSpecCLI.js' } as const
const flights = new Map<string, Promise<string>>()

/** Path of its script on this host, fetched once. */
export function ensureDevcontainerCli({ dir, log }: { dir: string; log: (line: string) => void }, signal: AbortSignal): Promise<string> {
  const flight = flights.get(dir) ?? fetchCli({ dir, log }, signal).finally(() => flights.delete(dir))
  flights.set(dir, flight)
  return flight
}

async function fetchCli({ dir, log }: { dir: string; log: (line: string) => void }, signal: AbortSignal): Promise<string> {
  const { name, version, entry } = DEVCONTAINER_CLI
  const home = join(dir, 'tools', `devcontainers-cli-${version}`)
  if (await exists(join(home, entry))) return join(home, entry)
  await makeReadableDir(join(dir, 'tools'))
  const staging = join(dir, 'tools', `.staging-${randomBytes(6).toString('hex')}`)
  await mkdir(staging)
  try {
    log(`fetching ${name} ${version}`)
    await Bun.write(join(staging, 'package.json'), '{"private":true}')
    await runBun({ args: ['add', '--cwd', staging, '--exact', '--ignore-scripts', '--omit=optional', '--backend=copyfile', `${name}@${version}`], cwd: staging, what: `fetching ${name}`, onLine: () => {} }, signal)
    await rename(join(staging, 'node_modules', name), home).catch(async (error: unknown) => {
      if (!(await exists(join(home, entry)))) throw error
    })
    return join(home, entry)
  } finally {
    await rm(staging, { recursive: true, force: true })
  }
}
