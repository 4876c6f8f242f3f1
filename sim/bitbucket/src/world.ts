/** What that Bitbucket holds: tokens, repositories by their place on the disk, pull requests, and what was found out about commits. */
import { Refusal } from './model.ts'
import type { Fault, Pull, Scope, Status } from './model.ts'

export type World = ReturnType<typeof createWorld>
/** What one right brings with it, by the vendor's words. */
const IMPLIED: Readonly<Record<Scope, readonly Scope[]>> = {
  repository: ['repository'], 'repository:write': ['repository', 'repository:write'],
  pullrequest: ['repository', 'pullrequest'], 'pullrequest:write': ['repository', 'repository:write', 'pullrequest', 'pullrequest:write'],
}

/** `dir`: bare repositories below it, by `<workspace>/<slug>.git`. `tokens`: access tokens, each with its rights. */
export function createWorld({ dir, tokens }: { dir: string; tokens: Readonly<Record<string, readonly Scope[]>> }) {
  const alive = new Map(Object.entries(tokens))
  const git = (repository: string, ...args: string[]): string | null => {
    const { exitCode, stdout } = Bun.spawnSync(['git', '--git-dir', `${dir}/${repository}.git`, ...args])
    return exitCode === 0 ? stdout.toString().trim() : null
  }
  const statuses: Status[] = []
  return {
    asked: [] as string[], faults: [] as Fault[], pulls: [] as Pull[], statuses,
    isRepository: (repository: string): boolean => git(repository, 'rev-parse', '--git-dir') !== null,
    commitOf: (repository: string, revision: string): string | null => git(repository, 'rev-parse', '--verify', '--quiet', '--end-of-options', `${revision}^{commit}`),
    branches: (repository: string): string[] => (git(repository, 'for-each-ref', '--format=%(refname:lstrip=2)', 'refs/heads') ?? '').split('\n').filter(Boolean),
    isAncestor: (repository: string, one: string, of: string): boolean => git(repository, 'merge-base', '--is-ancestor', `refs/heads/${one}`, `refs/heads/${of}`) !== null,
    /** Throws for a token that is none, or may not. */
    admit(request: Request, wanted: readonly Scope[]): void {
      const scopes = alive.get(/^Bearer (\S+)$/.exec(request.headers.get('authorization') ?? '')?.[1] ?? '')
      if (scopes === undefined) throw new Refusal(401, 'Token is invalid, expired, or not supported for this endpoint.')
      const granted = new Set(scopes.flatMap((scope) => IMPLIED[scope]))
      if (!wanted.every((scope) => granted.has(scope))) throw new Refusal(403, 'Your credentials lack one or more required privilege scopes.')
    },
    /** One of a key goes in the place of the one before. */
    setStatus(status: Omit<Status, 'createdAt' | 'refname'> & { readonly refname?: string }): void {
      const before = statuses.findIndex(({ repository, commit, key }) => repository === status.repository && commit === status.commit && key === status.key)
      statuses.splice(before < 0 ? statuses.length : before, before < 0 ? 0 : 1, { refname: null, ...status, createdAt: Date.now() })
    },
    revoke: (token: string): void => void alive.delete(token),
  }
}
