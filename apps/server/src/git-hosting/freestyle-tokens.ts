/**
 * Tokens of Freestyle: for one operation of a workspace an identity that may read, or write, that one repository and nothing
 * else, and a token of it. Given back, the identity is deleted, and with it whatever it was granted. An identity has no name
 * there, so it is written down here before it is granted anything: what a killed server left is deleted by the next one.
 */
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock, RepositoryAddress, Store, WorkspaceRow } from '@berth/core'
import { BerthError, OrgId } from '@berth/wire'
import { z } from 'zod'
import type { Log } from '../http/respond.ts'
import { askFreestyle } from './freestyle-api.ts'
import type { FreestyleHost } from './freestyle-api.ts'
import { createHeldTokens } from './held-tokens.ts'
import type { Leased, Minted } from './held-tokens.ts'

export interface FreestyleTokensDeps {
  readonly store: { readonly gitHosts: Pick<Store['gitHosts'], 'credential' | 'used'> }
  readonly clock: Clock
  readonly log: Log
  /** Of this server alone: which identities are out. */
  readonly dir: string
  readonly fetch?: typeof fetch
  readonly lingerMs?: number
}
export interface FreestyleTokens {
  /** Null: that host is none of Freestyle's. */
  credentialFor(workspace: Pick<WorkspaceRow, 'id' | 'orgId'>, address: RepositoryAddress, service: 'git-upload-pack' | 'git-receive-pack'): Promise<Leased>
  /** Deletes what was left at the vendor. */
  settle(): Promise<void>
  stop(): Promise<void>
}

const Id = z.object({ id: z.uuid() })
const Token = z.object({ token: z.string().min(1) })
const Nothing = z.object({})
const Note = z.object({ orgId: OrgId, origin: z.url() })

export function createFreestyleTokens({ store, clock, log, dir, fetch: send = fetch, lingerMs }: FreestyleTokensDeps): FreestyleTokens {
  const held = createHeldTokens({ now: () => clock.now(), ...(lingerMs === undefined ? {} : { lingerMs }) })
  /** Of operations that go on. */
  const inUse = new Set<string>()
  const fileOf = (id: string): string => join(dir, `${id}.json`)

  async function remove(host: FreestyleHost, id: string): Promise<void> {
    const said = await askFreestyle(send, host, { method: 'DELETE', path: `/identity/v1/identities/${id}`, answer: Nothing })
    if (!said.ok && said.status !== 404) throw new BerthError('forbidden', `Freestyle answered ${said.status}`)
    await rm(fileOf(id), { force: true })
  }
  async function giveBack(host: FreestyleHost, id: string): Promise<void> {
    await remove(host, id).catch((error: unknown) => log(`freestyle: the identity ${id} was not deleted yet: ${String(error)}`))
    inUse.delete(id)
  }
  async function mint(orgId: OrgId, host: FreestyleHost, { path, permission }: { path: string; permission: 'read' | 'write' }): Promise<Minted> {
    await settle()
    const { id } = required(await askFreestyle(send, host, { method: 'POST', path: '/identity/v1/identities', answer: Id }))
    inUse.add(id)
    try {
      await mkdir(dir, { recursive: true, mode: 0o700 })
      await writeFile(fileOf(id), JSON.stringify({ orgId, origin: host.origin }), { mode: 0o600, flush: true })
      const granted = await askFreestyle(send, host, { method: 'POST', path: `/identity/v1/identities/${id}/permissions/git/${encodeURIComponent(path)}`, body: { permission }, answer: Nothing })
      if (!granted.ok && granted.status === 404) throw new BerthError('not_found', `there is no repository ${path} at ${host.origin}, or it may not be seen`, { hint: 'check the address, and which account the kept key is of' })
      required(granted)
      const { token } = required(await askFreestyle(send, host, { method: 'POST', path: `/identity/v1/identities/${id}/tokens`, answer: Token }))
      return { token, expiresAt: null, giveBack: () => giveBack(host, id) }
    } catch (error) {
      await giveBack(host, id)
      throw error
    }
  }
  async function settle(): Promise<void> {
    for (const name of await readdir(dir).catch(() => [])) {
      const id = name.replace(/\.json$/, '')
      if (inUse.has(id)) continue
      try {
        const { orgId, origin } = Note.parse(JSON.parse(await readFile(fileOf(id), 'utf8')))
        const kept = await store.gitHosts.credential(orgId, origin)
        if (kept?.kind === 'freestyle') await remove({ origin, token: kept.token }, id)
      } catch (error) {
        log(`freestyle: the identity ${id} of before was not deleted yet: ${String(error)}`)
      }
    }
  }
  return {
    settle,
    async credentialFor({ id, orgId }, { origin, path }, service) {
      const kept = await store.gitHosts.credential(orgId, origin)
      if (kept?.kind !== 'freestyle') return null
      const permission = service === 'git-receive-pack' ? 'write' : 'read'
      const leased = await held.lease([orgId, origin, id, path, permission].join(' '), () => mint(orgId, { origin, token: kept.token }, { path, permission }))
      await store.gitHosts.used(kept.id, clock.now())
      return leased !== null && 'lease' in leased ? { lease: { ...leased.lease, exact: true } } : leased
    },
    stop: () => held.stop(),
  }
}

function required<T>(said: { ok: true; value: T } | { ok: false; status: number }): T {
  if (said.ok) return said.value
  throw new BerthError('clone_refused', `Freestyle answered ${said.status} to the kept key`, { hint: 'it needs the key of the whole account: look at it at dash.freestyle.sh' })
}
