/** Keys of the server for single repositories, where a host gives no token that does for it. */
import { repositoryAddress } from '@berth/core'
import type { Clock, Identity, KeptDeployKey, Store } from '@berth/core'
import { BerthError } from '@berth/wire'
import type { DeployKeyId, OrgId } from '@berth/wire'
import type { DeployKey } from '@berth/wire/git-access'
import { fingerprintOf, makeSshKey } from '../ssh-keys/ed25519.ts'
import { tellMachines } from './git-access.ts'
import type { GitAccessDeps } from './git-access.ts'

export interface DeployKeyDeps extends Pick<GitAccessDeps, 'daemons' | 'log'> { readonly store: Pick<Store, 'deployKeys' | 'listWorkspaces'>; readonly clock: Clock }

const SCAN_WITHIN_MS = 10_000
const SCAN_LIMIT_BYTES = 64 * 1024
const USER = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}$/
const HOST = /^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/
const PATH = /^[A-Za-z0-9._~+/-]{1,500}$/

interface SshPlace { readonly url: string; readonly host: string; readonly port: number; readonly user: string }
/** `git@host:path` or `ssh://git@host:22/path`. Null: no address that ssh takes, or one with something else in it. */
export function sshPlace(text: string): SshPlace | null {
  const scp = /^(?:([^@/:]+)@)?([^@/:]+):(?!\/\/)(.+)$/.exec(text)
  const url = scp === null ? /^ssh:\/\/(?:([^@/:]+)@)?([^@/:]+)(?::(\d{1,5}))?\/(.+)$/.exec(text) : null
  const [, user = 'git', host = '', port = '22', path = ''] = scp === null ? (url ?? []) : [scp[0], scp[1], scp[2], '22', scp[3]]
  if (!USER.test(user) || !HOST.test(host) || !PATH.test(path) || Number(port) > 65_535) return null
  return { user, host, port: Number(port), url: scp === null ? `ssh://${user}@${host}:${port}/${path}` : `${user}@${host}:${path}` }
}

export async function addDeployKey(deps: DeployKeyDeps, by: Pick<Identity, 'orgId'>, given: string): Promise<DeployKey> {
  const place = sshPlace(given)
  const address = repositoryAddress(given)
  if (place === null || address === null) throw new BerthError('bad_request', 'a deploy key is for one repository, by its ssh address', { hint: 'such as git@git.example.org:owner/name.git or ssh://git@git.example.org:2222/owner/name.git' })
  const hostKeys = await scan(place)
  const { seed, publicKey } = makeSshKey(`berth:${address.path}`)
  const kept = await deps.store.deployKeys.put({ orgId: by.orgId, ...address, sshUrl: place.url, publicKey, hostKeys, seed }, deps.clock.now())
  await tellMachines(deps)
  return shown(kept)
}

export async function removeDeployKey(deps: DeployKeyDeps, by: Pick<Identity, 'orgId'>, id: DeployKeyId): Promise<{ removed: boolean }> {
  const removed = (await deps.store.deployKeys.remove(by.orgId, id)) !== null
  if (removed) await tellMachines(deps)
  return { removed }
}

export const listDeployKeys = async ({ store }: Pick<DeployKeyDeps, 'store'>, orgId: OrgId): Promise<DeployKey[]> => (await store.deployKeys.list(orgId)).map(shown)

const shown = ({ hostKeys, ...key }: KeptDeployKey): DeployKey => ({ ...key, hostFingerprints: linesOf(hostKeys).map(([, type = '', blob = '']) => `${type} ${fingerprintOf(blob)}`) })
const linesOf = (text: string): string[][] => text.split('\n').filter((line) => line !== '' && !line.startsWith('#')).map((line) => line.split(' '))

/** What the host shows now is what it must show ever after; a person compares the fingerprints. */
async function scan({ host, port }: SshPlace): Promise<string> {
  const child = Bun.spawn(['ssh-keyscan', '-T', '5', '-p', String(port), '-t', 'ed25519,ecdsa,rsa', '--', host], { stdin: 'ignore', stdout: 'pipe', stderr: 'ignore', timeout: SCAN_WITHIN_MS, killSignal: 'SIGKILL' })
  const text = (await new Response(child.stdout).text()).slice(0, SCAN_LIMIT_BYTES)
  const lines = linesOf(text).filter(([name, type, blob]) => name !== undefined && /^[a-z0-9@.-]{1,50}$/.test(type ?? '') && /^[A-Za-z0-9+/=]{1,4000}$/.test(blob ?? '')).map((parts) => parts.slice(0, 3).join(' '))
  if (lines.length === 0) throw new BerthError('network_unreachable', `nothing speaks ssh at ${host}:${port}, as seen from the server`, { hint: 'check the address; the server needs the programs of OpenSSH' })
  return `${lines.join('\n')}\n`
}
