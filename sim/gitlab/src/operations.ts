/** Each request that is spoken here, as its page of the documentation has it. */
import type { z } from 'zod'
import { Ask, Branch, Merge, NewMerge, Pipeline, Project, Status } from './described.ts'
import { now, refusal } from './world.ts'
import type { Answer, World } from './world.ts'

interface Call { readonly world: World; readonly path: string; readonly url: URL; readonly request: Request; /** What stands in the place of the group. */ readonly named: string }
interface Operation { readonly method: 'GET' | 'POST'; readonly rest: RegExp; answer(call: Call): Answer | Promise<Answer> }

const asked = <T>({ world, url }: Call, schema: z.ZodType<T>): T => world.parsed(schema, Object.fromEntries(url.searchParams), `${url.pathname}${url.search}`)
const ok = (body: unknown): Answer => ({ status: 200, body })
const DRAFT = /^\s*(?:\[draft\]|\(draft\)|draft:)/i

const OPERATIONS: readonly Operation[] = [
  { method: 'GET', rest: /^$/, answer: (call) => (asked(call, Ask.project), ok(projectOf(call))) },
  { method: 'GET', rest: /^\/merge_requests$/, answer: (call) => ok(mergesOf(call)) },
  { method: 'POST', rest: /^\/merge_requests$/, answer: createMerge },
  { method: 'GET', rest: /^\/pipelines$/, answer: (call) => ok(pipelinesOf(call)) },
  { method: 'GET', rest: /^\/repository\/branches\/([^/]+)$/, answer: (call) => (asked(call, Ask.branch), ok(branchOf(call))) },
  { method: 'GET', rest: /^\/repository\/commits\/([0-9a-f]{40})\/statuses$/, answer: (call) => ok(statusesOf(call)) },
]

export async function answer(world: World, request: Request): Promise<Answer> {
  world.admit(request)
  const url = new URL(request.url)
  const [, encoded = '', rest = ''] = /^\/api\/v4\/projects\/([^/]+)(\/.*)?$/.exec(url.pathname) ?? []
  const operation = OPERATIONS.find(({ method, rest: form }) => encoded !== '' && method === request.method && form.test(rest))
  if (operation === undefined) {
    world.refused.push(`${request.method} ${url.pathname}`)
    throw refusal(404, { error: '404 Not Found' })
  }
  return operation.answer({ world, request, url, path: decodeURIComponent(encoded), named: decodeURIComponent(operation.rest.exec(rest)?.[1] ?? '') })
}

function projectOf({ world, path }: Call): unknown {
  const { id, web } = world.project(path)
  const name = path.split('/').at(-1) ?? ''
  return Project.parse({ id, description: null, name, name_with_namespace: path, path: name, path_with_namespace: path, created_at: now(), default_branch: world.revision(path, 'HEAD') === null ? null : 'main', tag_list: [], topics: [], ssh_url_to_repo: `git@example.org:${path}.git`, http_url_to_repo: `${web}.git`, web_url: web, visibility: 'private', star_count: 0, forks_count: 0, last_activity_at: now(), archived: false })
}

function branchOf({ world, path, named }: Call): unknown {
  const { web } = world.project(path)
  const id = world.revision(path, `refs/heads/${named}`)
  if (id === null) throw refusal(404, { message: '404 Branch Not Found' })
  const commit = { id, short_id: id.slice(0, 8), title: '', message: '', author_name: '', author_email: '', authored_date: now(), committer_name: '', committer_email: '', committed_date: now(), created_at: now(), parent_ids: [], web_url: `${web}/-/commit/${id}` }
  return Branch.parse({ name: named, merged: false, protected: false, default: named === 'main', developers_can_push: false, developers_can_merge: false, can_push: true, web_url: `${web}/-/tree/${named}`, commit })
}

function mergesOf(call: Call): unknown {
  const { world, path } = call
  const { id } = world.project(path)
  const { state = 'all', source_branch: from, per_page: size = '20' } = asked(call, Ask.merges)
  return world.merges.filter((merge) => merge.project_id === id && (state === 'all' || merge.state === state) && (from === undefined || merge.source_branch === from)).slice(0, Number(size)).map((merge) => Merge.parse(merge))
}

function statusesOf(call: Call): unknown {
  const { world, path, named: sha } = call
  world.project(path)
  const { ref } = asked(call, Ask.statuses)
  if (world.revision(path, `${sha}^{commit}`) === null) throw refusal(404, { message: '404 Commit Not Found' })
  return world.statuses.filter(({ project, of }) => project === path && of.sha === sha && (ref === undefined || of.ref === ref)).map(({ of }) => Status.parse(of))
}

function pipelinesOf(call: Call): unknown {
  const { world, path } = call
  world.project(path)
  const { sha, ref } = asked(call, Ask.pipelines)
  return world.pipelines.filter(({ project, of }) => project === path && (sha === undefined || of.sha === sha) && (ref === undefined || of.ref === ref)).map(({ of }) => Pipeline.parse(of))
}

async function createMerge({ world, path, request }: Call): Promise<Answer> {
  const { id, web } = world.project(path)
  const { source_branch: from, target_branch: to, title, description } = world.parsed(NewMerge, await request.json().catch(() => null), `POST ${path}`)
  for (const branch of [from, to]) if (world.revision(path, `refs/heads/${branch}`) === null) throw refusal(400, { message: [`${branch === from ? 'Source' : 'Target'} branch "${branch}" does not exist`] })
  const own = world.merges.filter(({ project_id: of }) => of === id)
  const there = own.find((merge) => merge.source_branch === from && merge.target_branch === to && merge.state === 'opened')
  if (there !== undefined) throw refusal(409, { message: [`Another open merge request already exists for this source branch: !${there.iid}`] })
  const iid = own.length + 1
  const draft = DRAFT.test(title)
  const made: Merge = {
    id: world.nextId(), iid, project_id: id, title, description: description ?? null, state: 'opened', created_at: now(), updated_at: now(), merged_at: null, closed_at: null, target_branch: to, source_branch: from, upvotes: 0, downvotes: 0,
    author: world.user(), assignee: null, assignees: [], reviewers: [], source_project_id: id, target_project_id: id, labels: [], draft, work_in_progress: draft, milestone: null, merge_when_pipeline_succeeds: false, merge_status: 'checking', detailed_merge_status: 'checking', sha: world.revision(path, `refs/heads/${from}`) ?? '', merge_commit_sha: null, squash_commit_sha: null,
    user_notes_count: 0, discussion_locked: null, should_remove_source_branch: null, force_remove_source_branch: null, web_url: `${web}/-/merge_requests/${iid}`, references: { short: `!${iid}`, relative: `!${iid}`, full: `${path}!${iid}` }, time_stats: { time_estimate: 0, total_time_spent: 0, human_time_estimate: null, human_total_time_spent: null }, squash: false, task_completion_status: { count: 0, completed_count: 0 }, has_conflicts: false, blocking_discussions_resolved: true,
  }
  world.merges.unshift(made)
  return { status: 201, body: Merge.parse(made) }
}
