/**
 * What a webhook means for workspaces. A hint says where to look, never what is so: whoever gets one asks GitHub, so that
 * hints may come late, twice, and in any order. Pure.
 */
import { z } from 'zod'

export type Hint =
  /** Which repositories the app may reach has changed. */
  | { readonly about: 'access' }
  /** A branch is somewhere else, or gone. */
  | { readonly about: 'branch'; readonly repository: string; readonly branch: string }
  /** Something was found out about a commit. */
  | { readonly about: 'checks'; readonly repository: string; readonly commit: string }
  /** Who may reach a repository has changed; null: any of that person's, or anybody. */
  | { readonly about: 'people'; readonly repository: string | null; readonly login: string | null }

const Repository = z.object({ full_name: z.string().max(200) })
const Person = z.object({ login: z.string().max(100) })
const Push = z.object({ ref: z.string().max(1000), repository: Repository })
const Status = z.object({ sha: z.string().max(64), repository: Repository })
const CheckRun = z.object({ check_run: z.object({ head_sha: z.string().max(64) }), repository: Repository })
const CheckSuite = z.object({ check_suite: z.object({ head_sha: z.string().max(64) }), repository: Repository })
const Member = z.object({ member: Person, repository: Repository })
const OrgMember = z.object({ membership: z.object({ user: Person.nullish() }) })
const TeamMember = z.object({ member: Person.nullish() })
const Revoked = z.object({ sender: Person })
const About = z.object({ repository: Repository })

const BRANCH = 'refs/heads/'
const ACCESS: Hint = { about: 'access' }

/** Null: of no consequence, or in no form that is known. */
export function hintOf(event: string, action: string | null, payload: unknown): Hint | null {
  if (event === 'installation' || event === 'installation_repositories' || event === 'installation_target') return ACCESS
  if (event === 'push') return pushed(payload)
  if (event === 'status') return found(Status, payload, ({ sha, repository }) => ({ about: 'checks', repository: repository.full_name, commit: sha }))
  if (event === 'check_run') return found(CheckRun, payload, ({ check_run: run, repository }) => ({ about: 'checks', repository: repository.full_name, commit: run.head_sha }))
  if (event === 'check_suite') return found(CheckSuite, payload, ({ check_suite: suite, repository }) => ({ about: 'checks', repository: repository.full_name, commit: suite.head_sha }))
  return aboutPeople(event, action, payload)
}

function aboutPeople(event: string, action: string | null, payload: unknown): Hint | null {
  const people = (repository: string | null, login: string | null): Hint => ({ about: 'people', repository, login })
  if (event === 'github_app_authorization') return found(Revoked, payload, ({ sender }) => people(null, sender.login))
  if (event === 'member') return found(Member, payload, ({ member, repository }) => people(repository.full_name, member.login))
  if (event === 'organization' && action?.startsWith('member_') === true) return found(OrgMember, payload, ({ membership }) => people(null, membership.user?.login ?? null))
  if (event === 'membership') return found(TeamMember, payload, ({ member }) => people(null, member?.login ?? null))
  if (event === 'repository') return found(About, payload, ({ repository }) => people(repository.full_name, null))
  return null
}

function pushed(payload: unknown): Hint | null {
  return found(Push, payload, ({ ref, repository }) => (ref.startsWith(BRANCH) ? { about: 'branch', repository: repository.full_name, branch: ref.slice(BRANCH.length) } : null))
}

function found<T>(schema: z.ZodType<T>, payload: unknown, made: (value: T) => Hint | null): Hint | null {
  const parsed = schema.safeParse(payload)
  return parsed.success ? made(parsed.data) : null
}
