/**
 * A script run by this host in the network of a machine, without a container: only where what the engine names is in
 * truth that machine's network, and not our own. It keeps nothing of root but what packet filters need.
 */
import { open, stat } from 'node:fs/promises'

export interface NetworkOf {
  readonly State: { readonly Pid?: number }
  readonly NetworkSettings?: { readonly SandboxKey?: string } | null
}
const WAIT_MS = 10_000
const PATH = '/usr/sbin:/usr/bin:/sbin:/bin'
const RIGHTS = '-all,+net_admin,+net_raw'

/** False: it cannot be done from here (another computer, a server in a container, not root, no such programs), or the script did not end well. */
export async function runInNetwork({ State, NetworkSettings }: NetworkOf, script: string, signal: AbortSignal): Promise<boolean> {
  const key = NetworkSettings?.SandboxKey ?? ''
  const pid = State.Pid ?? 0
  const [nsenter, setpriv] = ['nsenter', 'setpriv'].map((name) => Bun.which(name, { PATH }))
  if (process.platform !== 'linux' || process.geteuid?.() !== 0 || !key.startsWith('/') || pid <= 0 || !nsenter || !setpriv) return false
  // Held open from the look to the use: a name can come to mean another network in between.
  const network = await open(key, 'r').catch(() => null)
  if (network === null) return false
  try {
    const [named, its, ours] = await Promise.all([network.stat(), stat(`/proc/${pid}/ns/net`), stat('/proc/self/ns/net')])
    if (!isSame(named, its) || isSame(named, ours)) return false
    const argv = [nsenter, '--net=/proc/self/fd/3', '--', setpriv, '--no-new-privs', '--inh-caps=-all', `--bounding-set=${RIGHTS}`, '--', '/bin/sh', '-c', script]
    const child = Bun.spawn(argv, { stdio: ['ignore', 'ignore', 'ignore', network.fd], env: { PATH }, cwd: '/', signal: AbortSignal.any([signal, AbortSignal.timeout(WAIT_MS)]) })
    return (await child.exited) === 0
  } catch {
    return false
  } finally {
    await network.close()
  }
}

interface Identity { readonly dev: number; readonly ino: number }
const isSame = (one: Identity, other: Identity): boolean => one.dev === other.dev && one.ino === other.ino
