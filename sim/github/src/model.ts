/** What a GitHub knows, as far as it is played here. */
import type { KeyObject } from 'node:crypto'

export type Level = 'read' | 'write' | 'admin'
export type Permissions = Readonly<Record<string, Level>>
export type Role = 'read' | 'triage' | 'write' | 'maintain' | 'admin'

export interface Account { readonly id: number; readonly login: string; readonly type: 'User' | 'Organization'; readonly name: string | null; /** The first is the primary one. */ readonly emails: readonly Email[] }
export interface Email { readonly email: string; readonly verified: boolean }
export interface Check { readonly id: number; readonly name: string; readonly status: 'queued' | 'in_progress' | 'completed'; readonly conclusion: 'success' | 'failure' | 'cancelled' | 'timed_out' | 'neutral' | 'skipped' | 'action_required' | null; readonly summary: string }
export interface Status { readonly id: number; readonly context: string; readonly state: 'error' | 'failure' | 'pending' | 'success'; readonly description: string }
export interface Pull { readonly number: number; readonly id: number; title: string; body: string | null; readonly head: string; readonly base: string; readonly author: string; draft: boolean; state: 'open' | 'closed'; mergedAt: number | null; readonly createdAt: number }
export interface Repository {
  readonly id: number
  readonly owner: Account
  readonly name: string
  readonly private: boolean
  readonly defaultBranch: string
  /** The bare repository behind it. */
  readonly dir: string
  readonly collaborators: Map<string, Role>
  readonly pulls: Pull[]
  /** By commit. */
  readonly checks: Map<string, Check[]>
  readonly statuses: Map<string, Status[]>
}
export interface App {
  readonly id: number
  readonly slug: string
  readonly name: string
  readonly owner: Account
  readonly publicKey: KeyObject
  readonly clientId: string
  readonly clientSecret: string
  webhookSecret: string
  permissions: Permissions
  readonly events: readonly string[]
  /** Null: the app wants no webhooks. */
  hookUrl: string | null
  readonly setupUrl: string | null
  readonly callbackUrls: readonly string[]
}
export interface Installation {
  readonly id: number
  readonly app: App
  readonly account: Account
  /** Ids; `all`: also those that come later. */
  repositories: 'all' | Set<number>
  permissions: Permissions
  suspendedAt: number | null
}
export type Token =
  | { readonly kind: 'installation'; readonly installation: Installation; readonly repositories: Set<number> | null; readonly permissions: Permissions; readonly expiresAt: number }
  | { readonly kind: 'user'; readonly user: Account; readonly app: App; readonly expiresAt: number }
export interface Delivery { readonly id: number; readonly guid: string; readonly app: App; readonly event: string; readonly action: string | null; readonly payload: Record<string, unknown>; readonly at: number; readonly redelivery: boolean; readonly statusCode: number; readonly installationId: number | null; readonly repositoryId: number | null }

/** `client`: an app by its client's id and secret, as a program that signs people in. */
export type Caller = { readonly kind: 'nobody' } | { readonly kind: 'app' | 'client'; readonly app: App } | Token

/** Scripted: the next `times` requests that fit. `lost`: it is done, and the answer never arrives. */
export interface Fault { readonly method?: string; readonly path: RegExp; times: number; readonly answer: { readonly status: number; readonly headers?: Record<string, string>; readonly message?: string } | 'lost' }

const ORDER: readonly Level[] = ['read', 'write', 'admin']
export const reaches = (has: Level | undefined, wanted: Level): boolean => has !== undefined && ORDER.indexOf(has) >= ORDER.indexOf(wanted)

export class Refusal extends Error {
  readonly status: number
  readonly extra: Record<string, unknown>
  constructor(status: number, message: string, extra: Record<string, unknown> = {}) {
    super(message)
    this.status = status
    this.extra = extra
  }
}
