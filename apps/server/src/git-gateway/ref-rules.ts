/** Which refs of its repository at a git host a workspace may write: the branches that carry its name. Pure. */
import type { RefCommand } from '../git-hosting/policy.ts'

const ZERO = /^0+$/
const REF_NAME = /^refs\/heads\/[A-Za-z0-9._\-/]{1,200}$/

/** Null: allowed. Else why not, in words that git prints behind the ref. Its own branches it may rewrite; whether a push does is not in the list of commands. */
export function refuseUpstreamRef(workspaceName: string, { ref, newId }: RefCommand): string | null {
  const own = `refs/heads/berth/${workspaceName}`
  if (!REF_NAME.test(ref) || ref.includes('..') || ref.includes('//') || ref.endsWith('.lock')) return 'only branches can be pushed from a workspace'
  if (ref !== own && !ref.startsWith(`${own}-`) && !ref.startsWith(`${own}/`)) return `only berth/${workspaceName} and branches below that name can be pushed from this workspace`
  return ZERO.test(newId) ? 'deleting is not allowed from a workspace' : null
}
