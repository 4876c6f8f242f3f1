/** What a workspace's policy says of a repository, and of each ref of a push. Pure. */
import type { CodeSource } from '@berth/wire'
import { OWN_BRANCHES, type GitPolicy } from '@berth/wire/git-policy'
import type { RefCommand } from './push-commands.ts'
import { repositoryAddress, type RepositoryAddress } from './repository-access.ts'

/** Null: no more than a stranger. */
export function accessTo({ source, policy }: { source: CodeSource; policy: Pick<GitPolicy, 'repositories'> }, wanted: RepositoryAddress): 'read' | 'write' | null {
  const is = (url: string): boolean => {
    const known = repositoryAddress(url)
    return known !== null && known.origin === wanted.origin && known.path === wanted.path
  }
  if (source.kind === 'git' && is(source.url)) return 'write'
  const found = policy.repositories.filter(({ url }) => is(url))
  return found.some(({ access }) => access === 'write') ? 'write' : found.length > 0 ? 'read' : null
}

/** `allowed` with `forwardOnly`: the new commit must descend from the old one, which the list of commands does not say. */
export type RefVerdict = { readonly kind: 'refused'; readonly reason: string } | { readonly kind: 'allowed'; readonly forwardOnly: boolean }
export type RefPolicy = Pick<GitPolicy, 'branch' | 'create' | 'update' | 'force' | 'delete' | 'tags'>

const ZERO = /^0+$/
/** Narrower than what git allows: every host reads such a name in one way. */
const REF_NAME = /^refs\/(?:heads|tags)\/[A-Za-z0-9._\-/]{1,200}$/
const isPlain = (ref: string): boolean => REF_NAME.test(ref) && !ref.includes('..') && !ref.includes('//') && ref.split('/').every((part) => !part.startsWith('.') && !part.endsWith('.lock') && !part.endsWith('.') && part !== '' && !part.startsWith('-'))

export function judgeRef({ name, policy }: { name: string; policy: RefPolicy }, { ref, oldId, newId }: RefCommand): RefVerdict {
  const refused = (reason: string): RefVerdict => ({ kind: 'refused', reason })
  const matches = (patterns: readonly string[]): boolean => patterns.some((pattern) => matchesPattern(pattern, name, ref))
  if (!isPlain(ref)) return refused('only branches and tags with plain names can be pushed from a workspace')
  if (ZERO.test(newId)) return matches(policy.delete) && !ZERO.test(oldId) ? { kind: 'allowed', forwardOnly: false } : refused('deleting is not allowed from this workspace')
  const chosen = policy.branch !== null && ref === `refs/heads/${policy.branch}`
  const isNew = ZERO.test(oldId)
  if (ref.startsWith('refs/tags/')) {
    if (isNew ? policy.tags || matches(policy.create) : matches(policy.update)) return { kind: 'allowed', forwardOnly: false }
    return refused(isNew ? 'tags can not be pushed from this workspace' : 'a tag that is there is not changed from a workspace')
  }
  if (!(chosen || matches(isNew ? policy.create : policy.update))) return refused(`only ${allowedWords(name, policy)} can be pushed from this workspace`)
  return { kind: 'allowed', forwardOnly: !isNew && !matches(policy.force) }
}

export function matchesPattern(pattern: string, name: string, ref: string): boolean {
  const parts = pattern.replaceAll('{name}', name).split('*').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  return new RegExp(`^${parts.join('.*')}$`).test(ref)
}

function allowedWords(name: string, { create, update, branch }: RefPolicy): string {
  const own = OWN_BRANCHES.every((pattern) => create.includes(pattern) && update.includes(pattern))
  const others = [...new Set([...create, ...update])].filter((pattern) => !own || !OWN_BRANCHES.includes(pattern)).map((pattern) => pattern.replaceAll('{name}', name).replace(/^refs\/heads\//, ''))
  const words = [...(own ? [`berth/${name} and branches below that name`] : []), ...(branch === null ? [] : [branch]), ...others]
  return words.length === 0 ? 'nothing' : words.join(', ')
}
