/** Freestyle's git by its API (v1): the account's key stays here, and never goes to git. Unverified live. */
import { BerthError } from '@berth/wire'
import { z } from 'zod'

/** `token`: the key of the account, a secret. `origin`: where git goes. */
export interface FreestyleHost { readonly origin: string; readonly token: string }
interface Asked<T> { readonly method: 'GET' | 'POST' | 'DELETE'; readonly path: string; readonly body?: unknown; readonly answer: z.ZodType<T> }
export type Said<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly status: number }

const WITHIN_MS = 15_000
/** The vendor has two names; whoever plays it, one. */
const API_OF: Readonly<Record<string, string>> = { 'https://git.freestyle.sh': 'https://api.freestyle.sh' }

/** Throws where there is no answer, or it does not take the key. */
export async function askFreestyle<T>(send: typeof fetch, { origin, token }: FreestyleHost, { method, path, body, answer }: Asked<T>): Promise<Said<T>> {
  const said = await send(`${API_OF[origin] ?? origin}${path}`, { method, headers: { authorization: `Bearer ${token}`, accept: 'application/json', 'user-agent': 'berth', ...(body === undefined ? {} : { 'content-type': 'application/json' }) }, ...(body === undefined ? {} : { body: JSON.stringify(body) }), redirect: 'manual', signal: AbortSignal.timeout(WITHIN_MS) })
    .catch((cause: unknown) => { throw new BerthError('network_unreachable', 'Freestyle cannot be reached from the server', { hint: 'try again', cause }) })
  if (said.status === 200) {
    const read = answer.safeParse(await said.json().catch(() => null))
    if (read.success) return { ok: true, value: read.data }
    throw new BerthError('network_unreachable', 'Freestyle answered in a form that is not known', { hint: 'try again' })
  }
  void said.body?.cancel()
  if (said.status === 401) throw new BerthError('unauthorized', 'Freestyle does not take the kept key', { hint: `make another at dash.freestyle.sh: \`berth git-host add ${origin} --type freestyle < key.txt\`` })
  if (said.status === 429 || said.status >= 500) throw new BerthError('network_unreachable', `Freestyle answered ${said.status}`, { hint: 'try again later' })
  return { ok: false, status: said.status }
}

const Repository = z.object({ id: z.string(), name: z.string().nullish(), visibility: z.string(), defaultBranch: z.string() })
export type FreestyleRepository = z.infer<typeof Repository>
/** Null: there is none that the key may see. */
export async function repositoryAtFreestyle(send: typeof fetch, host: FreestyleHost, id: string): Promise<FreestyleRepository | null> {
  const said = await askFreestyle(send, host, { method: 'GET', path: `/git/v1/repo/${encodeURIComponent(id)}`, answer: Repository })
  return said.ok ? said.value : null
}

const PAGE = 50
/** Each is asked for by itself, since a list has no names. */
const LISTED = 100
const AT_ONCE = 10
const Listed = z.object({ repositories: z.array(z.object({ id: z.string() })), total: z.number() })
/** Those of the account, by their names where they have one. */
export async function listAtFreestyle(send: typeof fetch, host: FreestyleHost): Promise<{ repositories: { url: string; fullName: string; private: boolean; defaultBranch: string }[]; more: boolean }> {
  const ids: string[] = []
  let total = 0
  for (let offset = 0; offset < LISTED; offset += PAGE) {
    const page = await askFreestyle(send, host, { method: 'GET', path: `/git/v1/repo?limit=${PAGE}&offset=${offset}`, answer: Listed })
    if (!page.ok) throw new BerthError('forbidden', `Freestyle answered ${page.status} to the kept key`, { hint: 'to list repositories it needs the key of the whole account; paste the address' })
    ids.push(...page.value.repositories.map(({ id }) => id))
    total = page.value.total
    if (page.value.repositories.length < PAGE) break
  }
  const repositories = []
  for (let from = 0; from < ids.length; from += AT_ONCE) {
    const found = await Promise.all(ids.slice(from, from + AT_ONCE).map((id) => repositoryAtFreestyle(send, host, id)))
    repositories.push(...found.flatMap((one) => (one === null ? [] : [{ url: `${host.origin}/${one.id}`, fullName: one.name ?? one.id, private: one.visibility !== 'public', defaultBranch: one.defaultBranch }])))
  }
  return { repositories, more: total > ids.length }
}
