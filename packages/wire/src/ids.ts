/**
 * Ids. Each kind has a prefix, so an id found in a log says what it is, and a brand, so that one kind
 * cannot be passed for another.
 */
import { z } from 'zod'
import { ID_ALPHABET as ALPHABET, ID_LENGTH as LENGTH } from './id-alphabet.ts'

const id = <const P extends string>(prefix: P) =>
  z.string().regex(new RegExp(`^${prefix}_[${ALPHABET}]{${LENGTH}}$`), `expected an id like ${prefix}_…`)

export const WorkspaceId = id('ws').brand<'WorkspaceId'>()
export type WorkspaceId = z.infer<typeof WorkspaceId>
/** One agent conversation. */
export const SessionId = id('ses').brand<'SessionId'>()
export type SessionId = z.infer<typeof SessionId>
export const ApprovalId = id('apr').brand<'ApprovalId'>()
export type ApprovalId = z.infer<typeof ApprovalId>
export const PromptId = id('prm').brand<'PromptId'>()
export type PromptId = z.infer<typeof PromptId>
export const EventId = id('evt').brand<'EventId'>()
export type EventId = z.infer<typeof EventId>
export const UserId = id('usr').brand<'UserId'>()
export type UserId = z.infer<typeof UserId>
export const OrgId = id('org').brand<'OrgId'>()
export type OrgId = z.infer<typeof OrgId>
export const TokenId = id('tok').brand<'TokenId'>()
export type TokenId = z.infer<typeof TokenId>
/** A connected client, d1's "session" row (X18). */
export const ViewerId = id('vwr').brand<'ViewerId'>()
export type ViewerId = z.infer<typeof ViewerId>
export const InvitationId = id('inv').brand<'InvitationId'>()
export type InvitationId = z.infer<typeof InvitationId>
/** A whole workspace as it was. */
export const SavedId = id('sav').brand<'SavedId'>()
export type SavedId = z.infer<typeof SavedId>
export const GitHostId = id('gth').brand<'GitHostId'>()
export type GitHostId = z.infer<typeof GitHostId>
export const PoolId = id('pol').brand<'PoolId'>()
export type PoolId = z.infer<typeof PoolId>
export const DeployKeyId = id('dpk').brand<'DeployKeyId'>()
export type DeployKeyId = z.infer<typeof DeployKeyId>
/** A repository of a task, kept by the server. */
export const RepositoryId = id('repo').brand<'RepositoryId'>()
export type RepositoryId = z.infer<typeof RepositoryId>

/**
 * Makes ids from random bytes. `random` returns that many bytes (crypto.getRandomValues in production).
 * 12 characters of 5 bits = 60 bits: a collision needs about a billion ids of one kind.
 */
export function createIds(random: (bytes: number) => Uint8Array) {
  const make = (prefix: string): string => {
    let out = `${prefix}_`
    for (const byte of random(LENGTH)) out += ALPHABET[byte & 31]
    return out
  }
  return {
    workspace: () => make('ws') as WorkspaceId,
    session: () => make('ses') as SessionId,
    approval: () => make('apr') as ApprovalId,
    prompt: () => make('prm') as PromptId,
    event: () => make('evt') as EventId,
    user: () => make('usr') as UserId,
    org: () => make('org') as OrgId,
    token: () => make('tok') as TokenId,
    pool: () => make('pol') as PoolId,
    invitation: () => make('inv') as InvitationId,
    gitHost: () => make('gth') as GitHostId,
    deployKey: () => make('dpk') as DeployKeyId,
    repository: () => make('repo') as RepositoryId,
    viewer: () => make('vwr') as ViewerId,
    saved: () => make('sav') as SavedId,
  }
}
export type Ids = ReturnType<typeof createIds>

/** Ids from the platform's cryptographic random source. */
export const randomIds: Ids = createIds((bytes) => crypto.getRandomValues(new Uint8Array(bytes)))
