/**
 * GitHub by an app of one's own: what it is installed on, repositories, and pull requests of workspaces. The app's key is
 * written and never given back; its tokens live for an operation and reach no workspace.
 */
import { oc } from '@orpc/contract'
import { z } from 'zod'
import { PromptId, WorkspaceId } from './ids.ts'

export const GITHUB_ORIGIN = 'https://github.com'
/** Pages of ours that a browser passes on the way to GitHub and back. Who holds the link's state is who began. */
export const GITHUB_SETUP_PATH = '/setup/github'

export const GitHubApp = z.object({
  /** `https://github.com`, or a GitHub of one's own. */
  origin: z.string(),
  appId: z.number().int(),
  slug: z.string(),
  name: z.string(),
  /** Where a person chooses the repositories that it may reach, and changes the choice. */
  installUrl: z.string(),
  addedAt: z.number(),
  lastUsedAt: z.number().nullable(),
  /** What it tells of by webhooks. Absent or null: nothing, it is asked now and then. `current`: nothing older than some minutes is unknown here. */
  hook: z.object({ url: z.string().nullable(), heardAt: z.number().nullable(), caughtUpTo: z.number().nullable(), current: z.boolean() }).nullish(),
})
export type GitHubApp = z.infer<typeof GitHubApp>

export const GitHubInstallation = z.object({ origin: z.string(), account: z.string(), repositories: z.enum(['all', 'selected']), suspended: z.boolean(), manageUrl: z.string() })
export type GitHubInstallation = z.infer<typeof GitHubInstallation>

export const GitHubRepository = z.object({ origin: z.string(), fullName: z.string(), url: z.string(), private: z.boolean(), defaultBranch: z.string() })
export type GitHubRepository = z.infer<typeof GitHubRepository>

/** What the host found out about a commit. `conclusion` null: it still runs. */
export const CheckResult = z.object({ name: z.string(), conclusion: z.string().nullable(), summary: z.string(), url: z.string().nullable() })
export type CheckResult = z.infer<typeof CheckResult>
export const PullRequest = z.object({
  number: z.number().int(), title: z.string(), state: z.enum(['open', 'merged', 'closed']), draft: z.boolean(), url: z.string(), head: z.string(), base: z.string(),
})
export type PullRequest = z.infer<typeof PullRequest>
export const PullStatus = z.object({
  branch: z.string(),
  /** The commit of the branch at GitHub; null: it was not pushed. */
  commit: z.string().nullable(),
  pull: PullRequest.nullable(),
  /** All of them together; `none`: nothing is set up to look at it, or has not begun. */
  checks: z.enum(['none', 'running', 'passed', 'failed']),
  results: z.array(CheckResult),
  /** The agent is told by itself when one fails. */
  tell: z.boolean().optional(),
})
export type PullStatus = z.infer<typeof PullStatus>

/** An app and how things stand with it. */
export const GitHubConnection = z.object({
  app: GitHubApp,
  /** `nowhere`: installed on nothing yet. `revoked`: GitHub does not know the app or its key any more. `unreachable`: GitHub did not answer. */
  state: z.enum(['connected', 'nowhere', 'suspended', 'revoked', 'unreachable']),
  /** Why, where there is more to say. */
  message: z.string().nullable(),
  installations: z.array(GitHubInstallation),
})
export type GitHubConnection = z.infer<typeof GitHubConnection>

const tag = { tags: ['github'] }
const origin = z.url({ protocol: /^https?$/ }).max(255).default(GITHUB_ORIGIN)
const login = z.string().regex(/^[A-Za-z0-9-]{1,100}$/)
const ById = z.object({ id: WorkspaceId })

/** Spread into `api`. */
export const githubApi = {
  listGitHubApps: oc.route({ method: 'GET', path: '/github/apps', summary: 'Apps that workspaces reach GitHub by', ...tag }).output(z.array(GitHubApp)),
  /** A page that leads to GitHub with the app's description filled in, and back. Good for an hour, once. */
  beginGitHubSetup: oc.route({ method: 'POST', path: '/github/setups', summary: 'Begin to make an app', ...tag })
    .input(z.object({ origin, /** Absent: the person's own. */ organization: login.optional(), name: z.string().min(1).max(34).optional(), /** It may change workflows, too; each push of a workspace that does has to be allowed all the same. */ workflows: z.boolean().optional() })).output(z.object({ url: z.string(), expiresAt: z.number() })),
  /** An app that was made by hand. GitHub is asked whether the key is its. */
  addGitHubApp: oc.route({ method: 'POST', path: '/github/apps', summary: 'Keep an app that was made by hand', ...tag })
    .input(z.object({ origin, appId: z.number().int().positive(), privateKey: z.string().min(100).max(8192), /** Without it, nothing that it sends is believed. */ webhookSecret: z.string().min(1).max(200).optional() })).output(GitHubApp),
  removeGitHubApp: oc.route({ method: 'POST', path: '/github/apps/remove', summary: 'Forget an app and its key', ...tag }).input(z.object({ origin })).output(z.object({ removed: z.boolean() })),
  listGitHubInstallations: oc.route({ method: 'GET', path: '/github/installations', summary: 'Accounts that chose repositories for it', ...tag }).output(z.array(GitHubInstallation)),
  listGitHubConnections: oc.route({ method: 'GET', path: '/github/connections', summary: 'Each app, and how things stand with it', ...tag }).output(z.array(GitHubConnection)),
  listGitHubRepositories: oc.route({ method: 'GET', path: '/github/repositories', summary: 'Repositories it may reach', ...tag })
    .input(z.object({ search: z.string().max(100).default('') })).output(z.object({ repositories: z.array(GitHubRepository), /** There are more than these. */ more: z.boolean() })),
  /** Pushes what the workspace has committed to `berth/<name>`, then opens the pull request; one that is open already is answered as it is. */
  createPull: oc.route({ method: 'POST', path: '/workspaces/{id}/pull-request', summary: 'Push the branch and open a pull request', ...tag })
    .input(ById.extend({ title: z.string().min(1).max(250).optional(), body: z.string().max(60_000).default(''), base: z.string().min(1).max(200).optional(), draft: z.boolean().default(false) })).output(PullRequest),
  pullStatus: oc.route({ method: 'GET', path: '/workspaces/{id}/pull-request', summary: 'The pull request of the workspace, and what was found out about its branch', ...tag }).input(ById).output(PullStatus),
  /** What its checks say, as a message to the agent. */
  tellChecks: oc.route({ method: 'POST', path: '/workspaces/{id}/pull-request/tell', summary: 'Tell the agent what was found out about its branch', ...tag }).input(ById).output(z.object({ promptId: PromptId, status: z.string() })),
  /** Needs webhooks to be told at once; without them, nothing is. */
  watchPull: oc.route({ method: 'PUT', path: '/workspaces/{id}/pull-request/watch', summary: 'Tell the agent by itself when a check of its branch fails, or not', ...tag }).input(ById.extend({ tell: z.boolean() })).output(z.object({ tell: z.boolean() })),
  listPulls: oc.route({ method: 'GET', path: '/workspaces/{id}/pull-requests', summary: 'Open pull requests of its repository', ...tag }).input(ById).output(z.array(PullRequest)),
}
