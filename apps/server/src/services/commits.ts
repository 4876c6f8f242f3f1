/** Who the commits of a person's workspaces are by, and what signs them. */
import type { Clock, Identity, Store, WorkspaceRow } from '@berth/core'
import { BerthError } from '@berth/wire'
import type { AssignedCommits, CommitIdentity } from '@berth/wire/commits'
import { providerOf } from '../sign-in/github-people.ts'
import { bareKey, makeSshKey, sshSignature } from '../ssh-keys/ed25519.ts'

export interface CommitsDeps { readonly store: Pick<Store, 'commitIdentities' | 'identities' | 'github' | 'access'> & { readonly audit: Pick<Store['audit'], 'write'> }; readonly clock: Clock }
type Who = Pick<Identity, 'userId' | 'orgId'>

/** Beside the person, in each commit that was made in a workspace. */
const CO_AUTHOR = 'berth[bot] <berth@localhost>'

export async function commitIdentity({ store }: Pick<CommitsDeps, 'store'>, { userId, orgId }: Who): Promise<CommitIdentity> {
  const [kept, signingKey] = await Promise.all([store.commitIdentities.get(userId), store.commitIdentities.signingKey(userId)])
  const coAuthor = kept?.coAuthor ?? true
  if (kept !== null && kept.email !== '') return { name: kept.name, email: kept.email, from: kept.own ? 'person' : 'git', coAuthor, signingKey }
  const name = (await store.access.nameOf(userId)) ?? 'somebody'
  const email = await addressAtGitHub(store, { userId, orgId })
  return { name, email: email ?? '', from: email === null ? 'none' : 'sign-in', coAuthor, signingKey }
}

/** The one that GitHub gives to everybody, which tells nobody another. */
async function addressAtGitHub(store: CommitsDeps['store'], { userId, orgId }: Who): Promise<string | null> {
  for (const { origin } of await store.github.list(orgId)) {
    const person = (await store.identities.linked(providerOf(origin))).find((each) => each.userId === userId)
    if (person !== undefined) return `${person.subject}+${person.login}@users.noreply.${new URL(origin).hostname}`
  }
  return null
}

export async function setCommitIdentity(deps: CommitsDeps, who: Who, { name, email, coAuthor, found }: { name?: string | undefined; email?: string | undefined; coAuthor?: boolean | undefined; found: boolean }): Promise<CommitIdentity> {
  const [kept, now] = await Promise.all([deps.store.commitIdentities.get(who.userId), commitIdentity(deps, who)])
  const said = name !== undefined || email !== undefined
  if (!(found && kept?.own === true)) {
    const own = said ? !found : (kept?.own ?? false)
    // Whoever only turns the bot off has said nothing of themselves.
    const known = kept ?? { name: '', email: '' }
    await deps.store.commitIdentities.put(who.userId, { name: name ?? (said ? now.name : known.name), email: email ?? (said ? now.email : known.email), own, coAuthor: coAuthor ?? now.coAuthor }, deps.clock.now())
  }
  return commitIdentity(deps, who)
}

export async function makeSigningKey(deps: CommitsDeps, who: Who): Promise<CommitIdentity> {
  const { email } = await commitIdentity(deps, who)
  if (email === '') throw new BerthError('conflict', 'it is not known who your commits are by', { hint: 'say so first: `berth identity --name "Ada Lovelace" --email ada@example.org`' })
  await deps.store.commitIdentities.putSigningKey(who.userId, makeSshKey(`berth:${email}`), deps.clock.now())
  return commitIdentity(deps, who)
}

export async function removeSigningKey(deps: CommitsDeps, who: Who): Promise<CommitIdentity> {
  await deps.store.commitIdentities.removeSigningKey(who.userId)
  return commitIdentity(deps, who)
}

/** Of whoever made the workspace. Null: nothing is known of them, and its commits are by nobody in particular. */
export async function commitsOf({ store }: Pick<CommitsDeps, 'store'>, { creatorId, orgId }: Pick<WorkspaceRow, 'creatorId' | 'orgId'>): Promise<AssignedCommits | null> {
  const { name, email, coAuthor, signingKey } = await commitIdentity({ store }, { userId: creatorId, orgId })
  return email === '' ? null : { name, email, coAuthor: coAuthor ? CO_AUTHOR : null, signingKey: signingKey === null ? null : bareKey(signingKey) }
}

type Signing = Pick<WorkspaceRow, 'id' | 'orgId' | 'name' | 'creatorId'>
export type CommitSigner = (workspace: Signing, request: Request) => Promise<Response>
const LIMIT_BYTES = 1024 * 1024
/** As git writes one: who made it stands before the first empty line. */
const COMMIT = /^tree [0-9a-f]{40,64}\n(?:parent [0-9a-f]{40,64}\n)*author [^\n]*\ncommitter ([^\n<>]*) <([^\n<>]*)> \d{1,12} [+-]\d{4}\n(?:(?!\n)[^\n]*\n)*\n/

/** A commit, said by the link of a workspace, signed with the key of whoever made the workspace: as theirs and nobody else's. The key stays here. */
export function createCommitSigner(deps: CommitsDeps): CommitSigner {
  return async (workspace, request) => {
    const payload = new Uint8Array(await request.arrayBuffer())
    if (payload.length === 0 || payload.length > LIMIT_BYTES) throw new BerthError('too_large', 'that is no commit that can be signed')
    const text = new TextDecoder().decode(payload)
    const [head, , email = ''] = COMMIT.exec(text) ?? []
    const subject = head === undefined ? 'no commit' : text.slice(head.length).split('\n', 1)[0]?.replaceAll(/[\p{Cc}\p{Cf}]/gu, ' ').slice(0, 200) ?? ''
    const identity = await commitIdentity(deps, { userId: workspace.creatorId, orgId: workspace.orgId })
    const refused = head === undefined ? 'only commits are signed' : identity.signingKey === null ? 'no signing key is kept' : email !== identity.email ? `only commits by ${identity.email} are signed` : null
    await deps.store.audit.write(workspace.orgId, { action: 'commit.sign', workspaceId: workspace.id, actor: workspace.name, subject: `${identity.email}: ${subject}`.toWellFormed(), allowed: refused === null, reason: refused, refs: [], tokenExpiresAt: null }, deps.clock.now())
    const key = refused === null ? await deps.store.commitIdentities.useSigningKey(workspace.creatorId, deps.clock.now()) : null
    if (key === null) throw new BerthError('forbidden', refused ?? 'no signing key is kept', { hint: '`berth identity` shows who commits are by; `git commit --no-gpg-sign` commits without' })
    return new Response(sshSignature(key, 'git', payload), { headers: { 'content-type': 'text/plain; charset=utf-8' } })
  }
}
