/** Held by the type checker alone: what the simulator takes is what the official client sends, what it gives is what that client reads. */
import type { Requests, Responses } from 'freestyle-sandboxes'
import type { z } from 'zod'
import type { Grant, Granted, Grants, Identities, Identity, ListIdentities, NewRepo, Page, RefusalGiven, Repo, RepoMade, Repos, TokenMade, Tokens } from './described.ts'

type Same<Narrow extends Wide, Wide> = Narrow
/** No property that the client does not know. */
type Known<T, Of> = Exclude<keyof T, keyof Of>
/** Absent, as JSON has it, and never undefined. */
type Sent<T> = T extends readonly unknown[] ? T : T extends object ? { [K in keyof T]: Sent<Exclude<T[K], undefined>> } : T
type ListedByType = Responses.ResponseGetGitV1Repo200['repositories'][number]
export type Takes = [Same<Sent<NewRepo>, Requests.PostGitV1RepoRequestBody>, Same<Sent<Page>, Requests.GetGitV1RepoQueryParams>, Same<Sent<ListIdentities>, Requests.GetIdentityV1IdentitiesQueryParams>, Same<Grant, Requests.PostIdentityV1IdentitiesIdentityPermissionsGitRepoRequestBody>, Same<Grant, Requests.PutIdentityV1IdentitiesIdentityPermissionsGitRepoRequestBody>]
export type Gives = [Same<RepoMade, Responses.ResponsePostGitV1Repo200>, Same<Repo, Responses.ResponseGetGitV1RepoRepo200>, Same<Repos, Responses.ResponseGetGitV1Repo200>, Same<Identity, Responses.ResponsePostIdentityV1Identities200>, Same<Identities, Responses.ResponseGetIdentityV1Identities200>, Same<Granted, Responses.ResponseGetIdentityV1IdentitiesIdentityPermissionsGitRepo200>, Same<Grants, Responses.ResponseGetIdentityV1IdentitiesIdentityPermissionsGit200>, Same<TokenMade, Responses.ResponsePostIdentityV1IdentitiesIdentityTokens200>, Same<Tokens, Responses.ResponseGetIdentityV1IdentitiesIdentityTokens200>, Same<Omit<z.infer<typeof RefusalGiven>, 'code'>, Responses.ResponseGetGitV1Repo500>]
export type NothingMore = [Same<Known<NewRepo, Requests.PostGitV1RepoRequestBody>, never>, Same<Known<Page, Requests.GetGitV1RepoQueryParams>, never>, Same<Known<ListIdentities, Requests.GetIdentityV1IdentitiesQueryParams>, never>, Same<Known<Repo, Responses.ResponseGetGitV1RepoRepo200>, never>, Same<Exclude<Known<Repos['repositories'][number], ListedByType>, 'id'>, never>, Same<Known<Identity, Responses.ResponsePostIdentityV1Identities200>, never>, Same<Known<Grants['repositories'][number], Responses.ResponseGetIdentityV1IdentitiesIdentityPermissionsGit200['repositories'][number]>, never>, Same<Known<Tokens['tokens'][number], Responses.ResponseGetIdentityV1IdentitiesIdentityTokens200['tokens'][number]>, never>]
