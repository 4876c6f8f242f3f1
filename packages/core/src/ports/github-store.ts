/** What is kept of GitHub apps: the key, sealed, and who began to make one. */
import type { OrgId, WorkspaceId } from '@berth/wire'
import type { GitHubApp } from '@berth/wire/github'

/** A secret: signs what the app says to its GitHub. */
export interface GitHubAppKey { readonly privateKey: string; readonly clientId: string | null; readonly clientSecret: string | null; readonly webhookSecret: string | null }
export type KeptGitHubApp = Omit<GitHubApp, 'installUrl'> & { readonly htmlUrl: string }

export interface GitHubStore {
  list(orgId: OrgId): Promise<KeptGitHubApp[]>
  /** One for each GitHub: what is there is replaced. */
  put(app: { orgId: OrgId; origin: string; appId: number; slug: string; name: string; htmlUrl: string; key: GitHubAppKey }, now: number): Promise<KeptGitHubApp>
  remove(orgId: OrgId, origin: string): Promise<boolean>
  /** A secret: only for requests to that very GitHub. */
  key(orgId: OrgId, origin: string): Promise<(KeptGitHubApp & { readonly key: GitHubAppKey }) | null>
  used(orgId: OrgId, origin: string, now: number): Promise<void>
  /** Kept by the hash of its state. */
  beginSetup(setup: { orgId: OrgId; stateHash: string; origin: string; organization: string | null; name: string; by: string; expiresAt: number }): Promise<void>
  /** Null: there is none, or it is too old. */
  setup(stateHash: string, now: number): Promise<GitHubSetup | null>
  /** Once: whoever gets it is who makes the app. */
  takeSetup(stateHash: string, now: number): Promise<GitHubSetup | null>
  /** Whose they are that bear this number, at each GitHub: a delivery names its app by it. */
  withAppId(appId: number): Promise<{ readonly orgId: OrgId; readonly origin: string }[]>
  /** Of all organisations, for what the server does by itself. */
  all(): Promise<{ readonly orgId: OrgId; readonly origin: string; readonly appId: number }[]>
  /** False: it was there already. */
  takeDelivery(delivery: GitHubDelivery, now: number): Promise<boolean>
  /** Those of them that were never taken in. */
  untaken(at: { orgId: OrgId; origin: string }, guids: readonly string[]): Promise<string[]>
  hook(at: { orgId: OrgId; origin: string; appId: number }): Promise<{ readonly heardAt: number | null; readonly caughtUpTo: number | null }>
  noteHook(at: { orgId: OrgId; origin: string; appId: number }, what: { heardAt?: number; caughtUpTo?: number }): Promise<void>
  /** Deliveries older than that are gone from GitHub, too. */
  forgetDeliveries(before: number): Promise<void>
  watch(id: WorkspaceId): Promise<PullWatch | null>
  setWatch(id: WorkspaceId, watch: Pick<PullWatch, 'tell' | 'by'>): Promise<void>
  /** Once the agent was told. */
  noteTold(id: WorkspaceId, told: string): Promise<void>
}
export interface GitHubDelivery { readonly orgId: OrgId; readonly origin: string; readonly guid: string; readonly event: string; readonly action: string | null }
export interface PullWatch { readonly tell: boolean; readonly by: string; readonly told: string | null }
export interface GitHubSetup { readonly orgId: OrgId; readonly origin: string; readonly organization: string | null; readonly name: string; readonly by: string }
