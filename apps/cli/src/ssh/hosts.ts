/**
 * The workspaces as OpenSSH sees them. One file of ours says what is known of each; the configuration and the known hosts
 * are made from it. A host key is what the server said of that machine when it was first asked; the same machine with
 * another key is refused.
 */
import { mkdir, readFile } from 'node:fs/promises'
import type { Output } from '@berth/client'
import type { Workspace } from '@berth/wire'
import { BerthError } from '@berth/wire/error'
import type { Context } from '../context.ts'
import { hostEntries, knownHostLines } from './render.ts'
import { publicKeyOf, socketDir, sshHome, writeWhole } from './ssh-home.ts'

export interface Host {
  readonly id: string
  readonly name: string
  readonly user: string
  readonly workDir: string
  /** Null until the machine was asked. */
  readonly hostKey: string | null
  readonly generation: number | null
  /** Which server it is of: null for this home's own, else a context's name, or `elsewhere` when only the environment says. */
  readonly server: string | null
  /** The person said that their ssh agent goes along. */
  readonly forwardAgent?: boolean
}
export type Hosts = Readonly<Record<string, Host>>
type Scope = Pick<Context, 'home'>

/** What machines have unless they say otherwise. */
const UNASKED = { user: 'dev', workDir: '/workspace', hostKey: null, generation: null } as const

export async function readHosts({ home }: Pick<Context, 'home'>): Promise<Hosts> {
  try {
    const kept: unknown = JSON.parse(await readFile(sshHome(home).hosts, 'utf8'))
    // Ours, and what somebody made of it: an entry that is none is asked for anew.
    return Object.fromEntries(Object.values(kept ?? {}).filter(isHost).map((host) => [host.id, host]))
  } catch {
    return {}
  }
}

function isHost(value: unknown): value is Host {
  if (typeof value !== 'object' || value === null) return false
  const { id, name, user, workDir, hostKey, server } = value as Record<string, unknown>
  return [id, name, user, workDir].every((word) => typeof word === 'string') && [hostKey, server].every((word) => word === null || typeof word === 'string')
}

/** Writes all three files. */
export async function writeHosts(scope: Scope, hosts: Hosts): Promise<void> {
  const at = sshHome(scope.home)
  await mkdir(at.dir, { recursive: true, mode: 0o700 })
  await publicKeyOf(at)
  const sockets = await socketDir(at)
  await writeWhole(at.hosts, `${JSON.stringify(hosts, null, 1)}\n`)
  await writeWhole(at.knownHosts, knownHostLines(hosts))
  await writeWhole(at.config, hostEntries(hosts, { home: scope.home, at, sockets }))
}

/** The hosts of these workspaces, with what was known of each; others of that server are gone, those of other servers stay. */
export function hostsOf(workspaces: readonly Pick<Workspace, 'id' | 'name'>[], known: Hosts, server: string | null): Hosts {
  const elsewhere = Object.values(known).filter((host) => host.server !== server)
  const here = workspaces.map(({ id, name }) => ({ ...UNASKED, ...known[id], id, name, server }))
  return Object.fromEntries([...elsewhere, ...here].map((host) => [host.id, host]))
}

/** As `connect` decides it, without asking anybody. */
export function serverKey({ env }: Pick<Context, 'env'>, connection: { readonly local: boolean }): string | null {
  if (connection.local) return null
  const name = env['BERTH_URL'] ? '' : env['BERTH_CONTEXT']
  return name || 'elsewhere'
}

/** Once somebody wanted them, entries come and go with the workspaces. What goes wrong here is not what was asked for. */
export async function keepFresh(context: Context, connection: { readonly local: boolean }, workspaces: readonly Workspace[]): Promise<void> {
  const known = await readHosts(context)
  await writeHosts(context, hostsOf(workspaces.filter(({ phase }) => phase !== 'deleted'), known, serverKey(context, connection))).catch(() => {})
}

/** What the server says of a machine, held against what it said before. */
export function pinned(known: Hosts, workspace: { readonly id: string; readonly name: string; readonly server: string | null }, access: Output<'sshAccess'>): Hosts {
  const before = known[workspace.id]
  // A line with a comment, or two spaces, is the same key.
  const hostKey = access.hostKey.split(' ').slice(0, 2).join(' ')
  if (before?.hostKey && before.hostKey !== hostKey && before.generation === access.generation) {
    throw new BerthError('conflict', `${workspace.name} shows another host key than before`, { hint: `nothing was sent to it; if you know why, \`berth ssh-config --forget ${workspace.name}\` accepts the new one` })
  }
  // One of that name, of the same server, is gone: names are given once.
  const others = Object.fromEntries(Object.entries(known).filter(([id, { name, server }]) => id === workspace.id || name !== workspace.name || server !== workspace.server))
  return { ...others, [workspace.id]: { ...before, id: workspace.id, name: workspace.name, user: access.user, workDir: access.workDir, hostKey, generation: access.generation, server: workspace.server } }
}
