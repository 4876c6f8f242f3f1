/**
 * A repository of ours that holds the newest commit of somebody's git url, and of its files only those that are read:
 * enough to see what the project says about its machine. The machine clones by itself.
 */
import { appendFile, mkdir, rm } from 'node:fs/promises'
import { BerthError } from '@berth/wire'
import type { CodeSource } from '@berth/wire'
import { configEnvironment } from '../git-hosting/config-environment.ts'
import type { GitSetting } from '../git-hosting/config-environment.ts'
import type { TreeAt } from '../git-hosting/trees.ts'

/** The machine waits for it. */
const WITHIN_MS = 20_000
/** Not `file`: the server's own disk is not what a url may show. */
const PROTOCOLS = 'https:http:ssh'
const SSH: GitSetting = ['core.sshCommand', 'ssh -o BatchMode=yes -o StrictHostKeyChecking=yes -o ConnectTimeout=10']
const CONFIG = '[core]\n\thooksPath = /dev/null\n\tfsmonitor = false\n[fetch]\n\tfsckObjects = true\n[gc]\n\tauto = 0\n[http]\n\tfollowRedirects = false\n'

/** `config`: for git, by the environment; a secret may be among it. It is written nowhere. */
export async function fetchLook(source: CodeSource & { kind: 'git' }, { dir, config = [], signal }: { dir: string; config?: readonly GitSetting[]; signal: AbortSignal }): Promise<TreeAt> {
  const env = {
    PATH: process.env['PATH'] ?? '/usr/bin:/bin', HOME: process.env['HOME'] ?? '/', LC_ALL: 'C.UTF-8',
    GIT_TERMINAL_PROMPT: '0', GIT_ASKPASS: '', SSH_ASKPASS: '', GIT_ALLOW_PROTOCOL: PROTOCOLS, GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_GLOBAL: '/dev/null',
  }
  const git = async (...args: string[]): Promise<string> => {
    const child = Bun.spawn(['git', ...args], { cwd: '/', env: { ...env, ...configEnvironment([SSH, ...config]) }, stdin: 'ignore', stdout: 'pipe', stderr: 'pipe', signal: AbortSignal.any([signal, AbortSignal.timeout(WITHIN_MS)]), killSignal: 'SIGKILL' })
    const [out, said] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()])
    if ((await child.exited) !== 0) throw new BerthError('clone_refused', said.trim().split('\n').at(-1)?.slice(0, 300) || 'it did not answer in time', { hint: 'its machine tries by itself' })
    return out.trim()
  }
  await rm(dir, { recursive: true, force: true })
  await mkdir(dir, { recursive: true, mode: 0o700 })
  await git('init', '--quiet', '--bare', '--template=', dir)
  await appendFile(`${dir}/config`, CONFIG)
  await git('--git-dir', dir, 'config', 'remote.origin.url', source.url)
  const wanted = source.commit ?? source.branch ?? 'HEAD'
  await git('--git-dir', dir, 'fetch', '--quiet', '--no-tags', '--no-write-fetch-head', '--depth=1', '--filter=blob:none', 'origin', `+${wanted}:refs/berth/look`)
  // Files that are read are fetched when they are, with the same permissions.
  return { gitDir: dir, commit: await git('--git-dir', dir, 'rev-parse', '--verify', 'refs/berth/look^{commit}'), env }
}
