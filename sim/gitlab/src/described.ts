/**
 * What GitLab's documentation says of the requests that are spoken here, closed: a parameter or a field that the page
 * does not name is refused. Pages of docs.gitlab.com/api: projects ("Get a single project"), branches ("Get single
 * repository branch"), commits ("List the statuses of a commit"), pipelines ("List project pipelines"), merge_requests
 * ("List project merge requests", "Create MR").
 */
import { z } from 'zod'

const text = z.string()
const time = z.iso.datetime()
const yesNo = z.enum(['true', 'false'])
const whole = z.string().regex(/^\d+$/)
const Pages = { page: whole.optional(), per_page: whole.refine((count) => Number(count) <= 100, 'a page has 100 at most').optional() }

export const Ask = {
  project: z.strictObject({ statistics: yesNo.optional(), license: yesNo.optional(), with_custom_attributes: yesNo.optional() }),
  branch: z.strictObject({}),
  statuses: z.strictObject({ ...Pages, ref: text.optional(), stage: text.optional(), name: text.optional(), pipeline_id: whole.optional(), order_by: z.enum(['id', 'pipeline_id']).optional(), sort: z.enum(['asc', 'desc']).optional(), all: yesNo.optional() }),
  pipelines: z.strictObject({ ...Pages, scope: z.enum(['running', 'pending', 'finished', 'branches', 'tags']).optional(), status: text.optional(), source: text.optional(), ref: text.optional(), sha: text.optional(), yaml_errors: yesNo.optional(), name: text.optional(), username: text.optional(), updated_after: time.optional(), updated_before: time.optional(), order_by: z.enum(['id', 'status', 'ref', 'updated_at', 'user_id']).optional(), sort: z.enum(['asc', 'desc']).optional() }),
  merges: z.strictObject({ ...Pages, state: z.enum(['opened', 'closed', 'locked', 'merged', 'all']).optional(), order_by: z.enum(['created_at', 'updated_at', 'title', 'merged_at', 'priority']).optional(), sort: z.enum(['asc', 'desc']).optional(), source_branch: text.optional(), target_branch: text.optional(), scope: z.enum(['created_by_me', 'assigned_to_me', 'reviews_for_me', 'all']).optional(), view: z.enum(['simple']).optional(), search: text.optional(), in: text.optional(), wip: z.enum(['yes', 'no']).optional(), draft: yesNo.optional() }),
}
export const NewMerge = z.strictObject({
  source_branch: text.min(1), target_branch: text.min(1), title: text.min(1).max(255), description: text.max(1_048_576).optional(), assignee_id: z.number().optional(), assignee_ids: z.array(z.number()).optional(), reviewer_ids: z.array(z.number()).optional(),
  labels: z.union([text, z.array(text)]).optional(), milestone_id: z.number().optional(), remove_source_branch: z.boolean().optional(), squash: z.boolean().optional(), target_project_id: z.number().optional(), allow_collaboration: z.boolean().optional(),
})

const User = z.strictObject({ id: z.number(), username: text, name: text, state: z.enum(['active', 'blocked']), avatar_url: text.nullable(), web_url: text })
export const Merge = z.strictObject({
  id: z.number(), iid: z.number(), project_id: z.number(), title: text, description: text.nullable(), state: z.enum(['opened', 'closed', 'locked', 'merged']), created_at: time, updated_at: time, merged_at: time.nullable(), closed_at: time.nullable(),
  target_branch: text, source_branch: text, upvotes: z.number(), downvotes: z.number(), author: User, assignee: User.nullable(), assignees: z.array(User), reviewers: z.array(User), source_project_id: z.number().nullable(), target_project_id: z.number(),
  labels: z.array(text), draft: z.boolean(), work_in_progress: z.boolean(), milestone: z.null(), merge_when_pipeline_succeeds: z.boolean(), merge_status: text, detailed_merge_status: text, sha: text, merge_commit_sha: text.nullable(), squash_commit_sha: text.nullable(),
  user_notes_count: z.number(), discussion_locked: z.boolean().nullable(), should_remove_source_branch: z.boolean().nullable(), force_remove_source_branch: z.boolean().nullable(), web_url: text,
  references: z.strictObject({ short: text, relative: text, full: text }), time_stats: z.strictObject({ time_estimate: z.number(), total_time_spent: z.number(), human_time_estimate: text.nullable(), human_total_time_spent: text.nullable() }), squash: z.boolean(), task_completion_status: z.strictObject({ count: z.number(), completed_count: z.number() }), has_conflicts: z.boolean(), blocking_discussions_resolved: z.boolean(),
})
export type Merge = z.infer<typeof Merge>
/** Of a job of a pipeline, or of another program that told of it. */
export const STATES = ['created', 'waiting_for_resource', 'preparing', 'pending', 'running', 'success', 'failed', 'canceled', 'skipped', 'manual', 'scheduled'] as const
export const Status = z.strictObject({ id: z.number(), sha: text, ref: text, status: z.enum(STATES), name: text, target_url: text.nullable(), description: text.nullable(), created_at: time, started_at: time.nullable(), finished_at: time.nullable(), allow_failure: z.boolean(), coverage: z.number().nullable(), pipeline_id: z.number(), author: User })
export type Status = z.infer<typeof Status>
export const Pipeline = z.strictObject({ id: z.number(), iid: z.number(), project_id: z.number(), status: z.enum(STATES), source: text, ref: text, sha: text, name: text.nullable(), web_url: text, created_at: time, updated_at: time })
export type Pipeline = z.infer<typeof Pipeline>
export const Project = z.strictObject({ id: z.number(), description: text.nullable(), name: text, name_with_namespace: text, path: text, path_with_namespace: text, created_at: time, default_branch: text.nullable(), tag_list: z.array(text), topics: z.array(text), ssh_url_to_repo: text, http_url_to_repo: text, web_url: text, visibility: z.enum(['private', 'internal', 'public']), star_count: z.number(), forks_count: z.number(), last_activity_at: time, archived: z.boolean() })
export const Branch = z.strictObject({ name: text, merged: z.boolean(), protected: z.boolean(), default: z.boolean(), developers_can_push: z.boolean(), developers_can_merge: z.boolean(), can_push: z.boolean(), web_url: text, commit: z.strictObject({ id: text, short_id: text, title: text, message: text, author_name: text, author_email: text, authored_date: text, committer_name: text, committer_email: text, committed_date: text, created_at: text, parent_ids: z.array(text), web_url: text }) })
