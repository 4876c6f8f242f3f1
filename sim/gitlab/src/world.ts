/** What that GitLab holds: tokens, repositories by their place on the disk, merge requests, and what was found out about commits. */
import type { z } from 'zod'
import { prettifyError } from 'zod'
import { STATES } from './described.ts'
import type { Merge, Pipeline, Status } from './described.ts'

export type Scope = 'api' | 'read_api' | 'read_repository' | 'write_repository'
export interface Answer { readonly status: number; readonly body: unknown }
export class Refused extends Error {
  readonly answer: Answer
  constructor(answer: Answer) {
    super(JSON.stringify(answer.body))
    this.answer = answer
  }
}
export const refusal = (status: number, body: unknown): Refused => new Refused({ status, body })
export const now = (): string => new Date().toISOString()
/** Those that have not ended. */
const BEGUN = STATES.slice(0, 5) as readonly string[]

export interface NewStatus { readonly sha: string; readonly ref: string; readonly name: string; readonly status: Status['status']; readonly description?: string; readonly allowFailure?: boolean }
export interface NewPipeline { readonly sha: string; readonly ref: string; readonly status: Pipeline['status'] }
export type World = ReturnType<typeof createWorld>

export function createWorld({ dir, tokens, origin }: { dir: string; tokens: Readonly<Record<string, readonly Scope[]>>; origin: () => string }) {
  const alive = new Map(Object.entries(tokens))
  const state = { asked: [] as string[], refused: [] as string[], merges: [] as Merge[], statuses: [] as { project: string; of: Status }[], pipelines: [] as { project: string; of: Pipeline }[] }
  const projects = new Map<string, number>()
  let lastId = 100
  const nextId = (): number => (lastId += 1)
  const revision = (path: string, name: string): string | null => {
    const { exitCode, stdout } = Bun.spawnSync(['git', '--git-dir', `${dir}/${path}.git`, 'rev-parse', '--verify', '--quiet', '--end-of-options', name])
    return exitCode === 0 ? stdout.toString().trim() : null
  }
  const user = () => ({ id: 1, username: 'ada', name: 'Ada', state: 'active' as const, avatar_url: null, web_url: `${origin()}/ada` })
  const project = (path: string): { id: number; web: string } => {
    if (Bun.spawnSync(['git', '--git-dir', `${dir}/${path}.git`, 'rev-parse', '--git-dir']).exitCode !== 0) throw refusal(404, { message: '404 Project Not Found' })
    const id = projects.get(path) ?? nextId()
    projects.set(path, id)
    return { id, web: `${origin()}/${path}` }
  }
  return {
    ...state, origin, nextId, revision, user, project,
    /** Throws for a token that is none, or may not. */
    admit(request: Request): void {
      const bearer = /^bearer (.+)$/i.exec(request.headers.get('authorization') ?? '')?.[1]
      const scopes = alive.get(request.headers.get('private-token') ?? bearer ?? '')
      if (scopes === undefined) throw refusal(401, { message: '401 Unauthorized' })
      const wanted: readonly Scope[] = request.method === 'GET' ? ['api', 'read_api'] : ['api']
      if (!wanted.some((scope) => scopes.includes(scope))) throw refusal(403, { error: 'insufficient_scope', error_description: 'The request requires higher privileges than provided by the access token.', scope: wanted.join(' ') })
    },
    /** As the documentation has it, or kept in `refused`. */
    parsed<T>(schema: z.ZodType<T>, value: unknown, where: string): T {
      const found = schema.safeParse(value)
      if (found.success) return found.data
      state.refused.push(`${where}: ${prettifyError(found.error)}`)
      throw refusal(400, { error: prettifyError(found.error) })
    },
    setStatus(path: string, { sha, ref, name, status, description, allowFailure = false }: NewStatus): void {
      const id = nextId()
      const of: Status = { id, sha, ref, status, name, target_url: `${origin()}/${path}/-/jobs/${id}`, description: description ?? null, created_at: now(), started_at: now(), finished_at: BEGUN.includes(status) ? null : now(), allow_failure: allowFailure, coverage: null, pipeline_id: 1, author: user() }
      const before = state.statuses.findIndex((each) => each.project === path && each.of.sha === sha && each.of.name === name)
      state.statuses.splice(before < 0 ? state.statuses.length : before, before < 0 ? 0 : 1, { project: path, of })
    },
    setPipeline(path: string, { sha, ref, status }: NewPipeline): void {
      const id = nextId()
      state.pipelines.unshift({ project: path, of: { id, iid: 1, project_id: project(path).id, status, source: 'push', ref, sha, name: null, web_url: `${origin()}/${path}/-/pipelines/${id}`, created_at: now(), updated_at: now() } })
    },
    revoke: (token: string): void => void alive.delete(token),
  }
}
