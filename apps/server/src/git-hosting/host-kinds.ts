/** What is different between git hosts: how each wants a token, and how it lists what the token reaches. */
import type { RepositoryAddress } from '@berth/core'
import { BerthError } from '@berth/wire'
import type { GitHostKind } from '@berth/wire/git-access'
import { z } from 'zod'
import { listAtFreestyle } from './freestyle-api.ts'

/** The user beside a token. */
export const USER_OF_TOKEN: Readonly<Record<GitHostKind, string>> = { github: 'x-access-token', gitlab: 'oauth2', bitbucket: 'x-token-auth', freestyle: 'x-access-token', generic: 'x-access-token' }

/** By its name, where it says so. */
export function kindOf(origin: string): GitHostKind {
  const { hostname } = new URL(origin)
  return (['github', 'gitlab', 'bitbucket', 'freestyle'] as const).find((kind) => hostname.split('.').includes(kind)) ?? 'generic'
}

/** Where a person makes a token, and which rights it needs. */
export const TOKEN_HINTS: Readonly<Record<GitHostKind, (origin: string) => string>> = {
  github: (origin) => `\`berth setup github-app\`, or a token of ${origin}/settings/tokens: \`berth git-host add ${origin} < token.txt\``,
  gitlab: (origin) => `make a token with read_repository, write_repository and read_api at ${origin}/-/user_settings/personal_access_tokens: \`berth git-host add ${origin} --type gitlab < token.txt\``,
  bitbucket: (origin) => `make an access token of the repository or the workspace with pullrequest:write at ${origin}: \`berth git-host add ${origin} --type bitbucket < token.txt\``,
  freestyle: (origin) => `make a key of the account at dash.freestyle.sh: \`berth git-host add ${origin} --type freestyle < key.txt\``,
  generic: (origin) => `\`berth git-host add ${origin} < token.txt\`, or \`berth deploy-key add <ssh address>\` for this one repository`,
}

/** What git asks for. `exact`: whoever gave the credential says that the host has it so. */
export const gitUrlOf = ({ origin, path }: RepositoryAddress, exact = false): string => `${origin}/${path}${exact || kindOf(origin) === 'freestyle' ? '' : '.git'}`

/** Those that list what a token reaches. */
export const LISTING: ReadonlySet<GitHostKind> = new Set(['gitlab', 'freestyle'])
export interface ListedAtHost { readonly url: string; readonly fullName: string; readonly private: boolean; readonly defaultBranch: string | null }
const WITHIN_MS = 15_000
const PAGE = 100
const PAGES = 10
const Projects = z.array(z.object({ path_with_namespace: z.string(), http_url_to_repo: z.string(), visibility: z.string().optional(), default_branch: z.string().nullish() }))

/** Of the others none has one way for every kind of token. */
export async function listAtHost(send: typeof fetch, host: { origin: string; kind: GitHostKind; token: string }): Promise<{ repositories: ListedAtHost[]; more: boolean }> {
  if (host.kind === 'freestyle') return listAtFreestyle(send, host)
  if (host.kind !== 'gitlab') return { repositories: [], more: false }
  const repositories: ListedAtHost[] = []
  for (let page = 1; page <= PAGES; page++) {
    const answer = await send(`${host.origin}/api/v4/projects?membership=true&archived=false&order_by=last_activity_at&per_page=${PAGE}&page=${page}`, { headers: { 'private-token': host.token, accept: 'application/json', 'user-agent': 'berth' }, redirect: 'manual', signal: AbortSignal.timeout(WITHIN_MS) })
      .catch((cause: unknown) => { throw new BerthError('network_unreachable', `${host.origin} cannot be reached from the server`, { cause }) })
    if (answer.status !== 200) {
      void answer.body?.cancel()
      throw new BerthError(answer.status === 401 ? 'unauthorized' : 'forbidden', `${host.origin} answered ${answer.status} to the kept token`, { hint: 'to list repositories it needs the scope read_api; git goes without' })
    }
    const parsed = Projects.safeParse(await answer.json().catch(() => null))
    if (!parsed.success) throw new BerthError('internal', `${host.origin} lists its projects in a form that is not known`)
    // Nothing but what is below that host is this token's.
    repositories.push(...parsed.data.filter(({ http_url_to_repo: url }) => URL.canParse(url) && new URL(url).origin === host.origin).map((each) => ({ url: each.http_url_to_repo, fullName: each.path_with_namespace, private: each.visibility !== 'public', defaultBranch: each.default_branch ?? null })))
    if (parsed.data.length < PAGE) return { repositories, more: false }
  }
  return { repositories, more: true }
}
