/** Repositories of one account, and who may do what with which. Nothing here speaks HTTP; the repositories are git's own. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Refusal, type Fault } from '../model.ts'
import type { Level, NewRepo } from './described.ts'

export interface Repository { readonly id: string; readonly name: string | null; readonly public: boolean; readonly defaultBranch: string; readonly createdAt: number; readonly dir: string }
export interface Holder { readonly id: string; readonly managed: boolean; readonly grants: Map<string, Level>; /** Each by its id. A secret. */ readonly tokens: Map<string, string> }

export function createGitWorld({ now = Date.now }: { now?: () => number } = {}) {
  const root = mkdtempSync(join(tmpdir(), 'sim-freestyle-git-'))
  const repositories = new Map<string, Repository>()
  const identities = new Map<string, Holder>()
  return {
    repositories, identities, keys: new Set<string>(),
    /** Ever, to whomever. `keyAtGit`: how often git itself was asked with the account's key. */
    granted: [] as { repo: string; level: Level }[], tokensMade: [] as string[], keyAtGit: 0, asked: [] as string[], faults: [] as Fault[],
    create({ name = null, public: isPublic = false, defaultBranch, import: files }: NewRepo): Repository {
      const id = crypto.randomUUID()
      const made = { id, name, public: isPublic, defaultBranch: defaultBranch ?? 'main', createdAt: now(), dir: join(root, id) }
      gitIn(made.dir, ['init', '-q', '--bare', `--initial-branch=${made.defaultBranch}`, made.dir])
      if (files !== undefined) commitFiles(made, files)
      repositories.set(id, made)
      return made
    },
    repository(id: string): Repository {
      const found = repositories.get(id)
      if (found === undefined) throw new Refusal(404, 'GIT_REPOSITORY_NOT_FOUND', 'Repository not found')
      return found
    },
    removeRepository(repository: Repository): void {
      repositories.delete(repository.id)
      for (const { grants } of identities.values()) grants.delete(repository.id)
      rmSync(repository.dir, { recursive: true, force: true })
    },
    introduce(): Holder {
      const made: Holder = { id: crypto.randomUUID(), managed: false, grants: new Map(), tokens: new Map() }
      identities.set(made.id, made)
      return made
    },
    identity(id: string): Holder {
      const found = identities.get(id)
      if (found === undefined) throw new Refusal(404, 'IDENTITY_NOT_FOUND', 'Identity not found')
      return found
    },
    /** Null: nobody has such a token. */
    holderOf: (token: string): Holder | null => [...identities.values()].find(({ tokens }) => [...tokens.values()].includes(token)) ?? null,
    refsOf: (repository: Repository): Record<string, string> => Object.fromEntries(gitIn(repository.dir, ['for-each-ref', '--format=%(refname) %(objectname)']).split('\n').filter(Boolean).map((line) => line.split(' ') as [string, string])),
    close: () => rmSync(root, { recursive: true, force: true }),
  }
}
export type GitWorld = ReturnType<typeof createGitWorld>

function commitFiles({ dir, defaultBranch }: Repository, { files, commitMessage, authorName, authorEmail }: NonNullable<NewRepo['import']>): void {
  const by = ['-c', `user.name=${authorName ?? 'Freestyle'}`, '-c', `user.email=${authorEmail ?? 'git@freestyle.example'}`]
  // An index that is made for this one tree.
  const index = { GIT_INDEX_FILE: join(dir, 'index.import') }
  for (const [path, content] of Object.entries(files)) {
    const blob = gitIn(dir, ['hash-object', '-w', '--stdin'], { input: content }).trim()
    gitIn(dir, ['update-index', '--add', '--cacheinfo', `100644,${blob},${path}`], { env: index })
  }
  const tree = gitIn(dir, ['write-tree'], { env: index }).trim()
  rmSync(index.GIT_INDEX_FILE, { force: true })
  gitIn(dir, ['update-ref', `refs/heads/${defaultBranch}`, gitIn(dir, [...by, 'commit-tree', '-m', commitMessage, tree]).trim()])
}

function gitIn(dir: string, args: readonly string[], { input = '', env = {} }: { input?: string; env?: Record<string, string> } = {}): string {
  const { exitCode, stdout, stderr } = Bun.spawnSync(['git', '--git-dir', dir, ...args], { stdin: Buffer.from(input), env: { PATH: process.env['PATH'] ?? '', GIT_CONFIG_GLOBAL: '/dev/null', ...env } })
  if (exitCode !== 0) throw new Error(`git ${args[0]}: ${stderr.toString()}`)
  return stdout.toString()
}
