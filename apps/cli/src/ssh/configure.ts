/** `berth ssh-config`: what it writes, and how it is taken away. */
import { rm } from 'node:fs/promises'
import { resolve } from 'node:path'
import { BerthError } from '@berth/wire/error'
import { workspaceCan } from '@berth/wire/workspace-can'
import type { Connection, Context } from '../context.ts'
import { hostsOf, pinned, readHosts, serverKey, writeHosts } from './hosts.ts'
import type { Host, Hosts } from './hosts.ts'
import { hostNames } from './render.ts'
import { sshHome } from './ssh-home.ts'
import { exclude, include, userConfigPath } from './user-config.ts'

export interface Configured { readonly path: string; readonly added: boolean; readonly hosts: readonly { readonly id: string; readonly name: string; readonly host: string; readonly user: string }[] }

/** Machines that do not answer in time are asked at their first connection. */
const ASK_MS = 5000

export async function configure(context: Context, file?: string): Promise<Configured> {
  const connection = await context.connect()
  const workspaces = await connection.client.listWorkspaces({}, context.signal)
  const server = serverKey(context, connection)
  let hosts = hostsOf(workspaces, await readHosts(context), server)
  const running = workspaces.filter(({ phase }) => workspaceCan('attach', phase))
  const answers = await Promise.all(running.map(async (workspace) => ({ workspace, access: await ask(context, connection, workspace.id) })))
  for (const { workspace, access } of answers) if (access !== null) hosts = await known(context, hosts, () => pinned(hosts, { ...workspace, server }, access))
  await writeHosts(context, hosts)
  const path = file === undefined ? userConfigPath() : resolve(context.cwd, file)
  const names = hostNames(hosts)
  const added = await include(path, sshHome(context.home).config)
  return { path, added, hosts: Object.values(hosts).map(({ id, name, user }) => ({ id, name, host: names.get(id) ?? id, user })) }
}

async function ask(context: Context, { client }: Connection, id: string) {
  // An id that the server itself gave.
  return client.sshAccess({ id: id as Parameters<typeof client.sshAccess>[0]['id'] }, AbortSignal.any([context.signal, AbortSignal.timeout(ASK_MS)])).catch(() => null)
}

/** One machine with another key than before keeps the old one, so that connections to it are refused; the others go on. */
async function known(context: Context, before: Hosts, pin: () => Hosts): Promise<Hosts> {
  try {
    return pin()
  } catch (error) {
    if (!(error instanceof BerthError)) throw error
    context.io.note(`${context.io.noteStyle.yellow('⚠')} ${error.message}; ${error.hint ?? ''}`)
    return before
  }
}

export const forgetKey = (context: Context, word: string): Promise<string> => change(context, word, { hostKey: null, generation: null })
export const forwardAgent = (context: Context, { word, on }: { word: string; on: boolean }): Promise<string> => change(context, word, { forwardAgent: on })

/** Of one that is known; gives its name. */
async function change(context: Context, word: string, to: Partial<Host>): Promise<string> {
  const hosts = await readHosts(context)
  const host = Object.values(hosts).find(({ id, name }) => id === word || name === word)
  if (host === undefined) throw new BerthError('not_found', `no host of "${word}" is known`, { hint: '`berth ssh-config` shows which are' })
  await writeHosts(context, { ...hosts, [host.id]: { ...host, ...to } })
  return host.name
}

export async function takeAway(context: Context, file?: string): Promise<boolean> {
  const at = sshHome(context.home)
  const removed = await exclude(file === undefined ? userConfigPath() : resolve(context.cwd, file), at.config)
  await Promise.all([at.config, at.knownHosts, at.hosts].map((path) => rm(path, { force: true })))
  return removed
}
