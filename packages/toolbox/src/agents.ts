/** Agents are fetched once per host, by pinned version, with bun itself as the installer: no registry is named here. */
import { randomBytes } from 'node:crypto'
import { chmod, mkdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { BerthError } from '@berth/wire'
import { runBun } from './bun-run.ts'
import { exists } from './daemon-build.ts'
import { makeReadableDir } from './readable-dir.ts'
import { hostTarget, packagePlatform, type Target } from './targets.ts'

export type AgentName = 'claude'
interface Fetch { readonly dir: string; readonly version: string; readonly target: Target; readonly onProgress: (line: string) => void }

const VERIFY_TIMEOUT_MS = 30_000

export const claudeAgent = {
  pinnedVersion: '2.1.329',

  async fetch({ dir, version, target, onProgress }: Fetch, signal: AbortSignal): Promise<string> {
    if (!/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version)) {
      throw new BerthError('bad_request', `'${version}' is not a version of claude`, { hint: 'give a full version such as 2.1.329' })
    }
    const native = packagePlatform(target) === packagePlatform(hostTarget())
    const home = join(dir, 'agents', native ? `claude-${version}` : `claude-${version}-${packagePlatform(target)}`)
    const executable = join(home, 'claude')
    if (await exists(executable)) return executable
    await makeReadableDir(join(dir, 'agents'))
    const staging = join(dir, 'agents', `.staging-${randomBytes(6).toString('hex')}`)
    const name = `@anthropic-ai/claude-code-${packagePlatform(target)}`
    await mkdir(staging)
    try {
      onProgress(`fetching claude ${version} for ${packagePlatform(target)}`)
      const startedAt = performance.now()
      await install(staging, `${name}@${version}`, { onProgress, signal })
      const fetched = join(staging, 'node_modules', name, 'claude')
      await chmod(fetched, 0o755)
      if (native) await verify(fetched, version, signal)
      await mkdir(join(staging, 'home'))
      await chmod(join(staging, 'home'), 0o755)
      await rename(fetched, join(staging, 'home', 'claude'))
      await rename(join(staging, 'home'), home).catch(async (error: unknown) => {
        if (!(await exists(executable))) throw error
      })
      const { size } = await stat(executable)
      onProgress(`claude ${version} is ready (${Math.round(size / 1e6)} MB, ${((performance.now() - startedAt) / 1000).toFixed(1)} s)`)
      return executable
    } finally {
      await rm(staging, { recursive: true, force: true })
    }
  },
}

/** The installer's own cache keeps what was already fetched, so a second try goes on from there. Scripts never run. */
async function install(cwd: string, spec: string, run: { onProgress: (line: string) => void; signal: AbortSignal }): Promise<void> {
  await Bun.write(join(cwd, 'package.json'), '{"private":true}')
  // A package for another platform is installed all the same: nothing here runs it.
  await runBun({ args: ['add', '--cwd', cwd, '--exact', '--ignore-scripts', '--cpu=*', '--os=*', spec], cwd, what: `fetching ${spec}`, onLine: run.onProgress }, run.signal)
}

async function verify(executable: string, version: string, signal: AbortSignal): Promise<void> {
  const child = Bun.spawn([executable, '--version'], {
    stdin: 'ignore', stdout: 'pipe', stderr: 'ignore', env: { PATH: '/usr/bin:/bin', HOME: '/nonexistent', DISABLE_AUTOUPDATER: '1' },
    signal: AbortSignal.any([signal, AbortSignal.timeout(VERIFY_TIMEOUT_MS)]),
  })
  const said = await new Response(child.stdout).text()
  await child.exited
  if (!said.startsWith(version)) {
    throw new BerthError('agent_unavailable', `claude ${version} answered '${said.trim().slice(0, 200)}' when asked for its version`, { hint: 'this host may not be able to run it; try another version' })
  }
}
