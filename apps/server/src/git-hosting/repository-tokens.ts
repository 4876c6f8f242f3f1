/**
 * Passwords of git for one repository: they open that and nothing else, for a while, and no longer than their person may.
 * Those of people are kept by their hash; those with which this server asks itself for a workspace live in memory.
 */
import { createHash, randomBytes } from 'node:crypto'
import { levelIn, reaches } from '@berth/core'
import type { Clock, Identity, Store } from '@berth/core'
import { BerthError, RepositoryId } from '@berth/wire'
import type { UserId, WorkspaceId } from '@berth/wire'
import type { Level } from '@berth/wire/access'
import type { Gate } from '../access/gate.ts'
import type { HostedId } from './repositories.ts'

export interface RepositoryTokenDeps { readonly store: Pick<Store, 'repositoryTokens' | 'hostedRepositories' | 'access'>; readonly clock: Clock; readonly gate: Pick<Gate, 'levelOf'>; readonly passing: PassingTokens }
/** `by`: a workspace's push was judged and written down before it came here. */
export interface TokenHolder { readonly access: 'read' | 'write'; readonly name: string; readonly by: 'person' | 'workspace' }

const TOKEN = /^berthgit_[A-Za-z0-9_-]{43}$/
const PASSING = /^berthpass_[A-Za-z0-9_-]{43}$/
const hashOf = (token: string): string => createHash('sha256').update(token).digest('hex')
const secret = (): string => randomBytes(32).toString('base64url')

export async function mintRepositoryToken({ store, clock }: Pick<RepositoryTokenDeps, 'store' | 'clock'>, by: Pick<Identity, 'userId'>, { id, access, lastsMs }: { id: HostedId; access: 'read' | 'write'; lastsMs: number }): Promise<{ token: string; expiresAt: number }> {
  const token = `berthgit_${secret()}`
  const expiresAt = clock.now() + lastsMs
  await store.repositoryTokens.put({ hash: hashOf(token), repository: id, userId: by.userId, access, expiresAt }, clock.now())
  return { token, expiresAt }
}

/** Good until they are released, and for `PASSING_MS` at most. */
export interface PassingTokens {
  mint(holder: { readonly repository: RepositoryId; readonly access: 'read' | 'write'; readonly name: string }): { readonly token: string; readonly expiresAt: number; release(): void }
  find(token: string): { readonly repository: RepositoryId; readonly access: 'read' | 'write'; readonly name: string } | null
}
/** A push may wait for a person as long as a question lasts; it asks for another one then. */
const PASSING_MS = 30 * 60_000
export function createPassingTokens(clock: Clock): PassingTokens {
  const live = new Map<string, { repository: RepositoryId; access: 'read' | 'write'; name: string; expiresAt: number }>()
  return {
    mint(holder) {
      for (const [known, { expiresAt }] of live) if (expiresAt <= clock.now()) live.delete(known)
      const token = `berthpass_${secret()}`
      const expiresAt = clock.now() + PASSING_MS
      live.set(token, { ...holder, expiresAt })
      return { token, expiresAt, release: () => void live.delete(token) }
    },
    find(token) {
      const found = live.get(token)
      return found === undefined || found.expiresAt <= clock.now() ? null : found
    },
  }
}

/** In a repository of a task, as one asks in a workspace. */
async function levelInRepository({ store, gate }: Pick<RepositoryTokenDeps, 'store' | 'gate'>, userId: UserId, id: HostedId): Promise<Level | null> {
  const task = RepositoryId.safeParse(id)
  if (!task.success) return gate.levelOf(userId, id as WorkspaceId)
  const standing = await store.hostedRepositories.standing(userId, task.data)
  return standing === null ? null : levelIn(userId, standing)
}

/** Null: the request holds none. Throws when it holds one that does not open this. */
export async function repositoryTokenIn(deps: RepositoryTokenDeps, request: Request, { id, pushes }: { id: HostedId; pushes: boolean }): Promise<TokenHolder | null> {
  const token = passwordIn(request)
  if (token === null) return null
  const holder = PASSING.test(token) ? ofWorkspace(deps, token) : TOKEN.test(token) ? await ofPerson(deps, token) : null
  if (holder === null) return null
  if (holder.repository !== id || holder.level === null) throw new BerthError('not_found', 'this password opens another repository')
  if (pushes && (holder.access !== 'write' || !reaches(holder.level, 'act'))) throw new BerthError('forbidden', 'this password only reads', { hint: 'make one that writes: `berth repos token <name> --write`' })
  return { access: holder.access, name: holder.name, by: holder.by }
}

interface Held extends TokenHolder { readonly repository: HostedId; readonly level: Level | null }
function ofWorkspace({ passing }: RepositoryTokenDeps, token: string): Held {
  const found = passing.find(token)
  if (found === null) throw tooOld()
  return { ...found, by: 'workspace', level: 'act' }
}
async function ofPerson(deps: RepositoryTokenDeps, token: string): Promise<Held> {
  const { store, clock } = deps
  const found = await store.repositoryTokens.find(hashOf(token), clock.now())
  if (found === null) throw tooOld()
  return { repository: found.repository, access: found.access, by: 'person', level: await levelInRepository(deps, found.userId, found.repository), name: (await store.access.nameOf(found.userId)) ?? found.userId }
}
const tooOld = (): BerthError => new BerthError('unauthorized', 'that password is too old, was taken back, or was never one', { hint: '`berth repos token <name>` makes another' })

function passwordIn(request: Request): string | null {
  const [scheme = '', encoded = ''] = (request.headers.get('authorization') ?? '').split(' ')
  if (scheme.toLowerCase() !== 'basic') return null
  const given = Buffer.from(encoded, 'base64').toString('utf8')
  return given.slice(given.indexOf(':') + 1)
}
