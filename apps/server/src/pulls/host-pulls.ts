/** What every git host with a kept token has to know of requests to take a branch in. */
import type { RepositoryAddress } from '@berth/core'
import type { CheckResult, PullRequest } from '@berth/wire/github'

/** `token`: a secret, for that origin alone. */
export interface At extends RepositoryAddress { readonly username: string; readonly token: string }
export interface NewHostPull { readonly title: string; readonly body: string; readonly branch: string; readonly base: string; readonly draft: boolean }

export interface HostPulls {
  /** For people. */
  readonly name: string
  /** Null: nothing was pushed yet. */
  defaultBranch(at: At): Promise<string | null>
  /** From that branch of the same repository, newest first. */
  ofBranch(at: At, branch: string, state: 'open' | 'any'): Promise<PullRequest[]>
  open(at: At): Promise<PullRequest[]>
  create(at: At, pull: NewHostPull): Promise<{ readonly ok: true; readonly value: PullRequest } | { readonly ok: false; readonly message: string }>
  /** Null: it is not there. */
  commitOf(at: At, branch: string): Promise<string | null>
  checks(at: At, of: { readonly commit: string; readonly branch: string }): Promise<CheckResult[]>
}
