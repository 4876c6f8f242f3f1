/**
 * What the code of a workspace says about its machine, read where the server has the code: the repository that a
 * person pushed to, or a look at the url. Never in a tree that an agent writes.
 */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { detectLanguage, findDevcontainer } from '@berth/core'
import type { Project, ProjectContext, ProjectSays, Store, WorkspaceRecord, WorkspaceRow } from '@berth/core'
import { BerthError, HOSTED_REFS } from '@berth/wire'
import type { WorkspaceId } from '@berth/wire'
import { readAsServer } from '../github/read-as-server.ts'
import type { ReadAsServerDeps, Reading } from '../github/read-as-server.ts'
import { configEnvironment } from '../git-hosting/config-environment.ts'
import type { HostedReach } from '../git-hosting/hosted.ts'
import type { Repositories } from '../git-hosting/repositories.ts'
import { checkOutTree, objectAt, outlineOf } from '../git-hosting/trees.ts'
import type { TreeAt } from '../git-hosting/trees.ts'
import { fetchLook } from './fetch-look.ts'
import { messageOf } from '../thrown.ts'

export interface ProjectDeps {
  readonly store: Pick<Store, 'getWorkspace'> & ReadAsServerDeps['store']
  readonly github: ReadAsServerDeps['github']
  readonly hosted?: HostedReach
  readonly repositories: Pick<Repositories, 'resolve' | 'ensure'>
  readonly keysDir: string
  /** For looks at urls; one directory a workspace, removed with it. */
  readonly dir: string
  readonly log: (line: string) => void
}

const LOOK_AGAIN_MS = 200

export function createProjectCode(deps: ProjectDeps) {
  return {
    /** Undefined: a person chose the image, or the workspace is older than this. */
    projectOf({ workspace }: WorkspaceRecord): Project | undefined {
      const { id, orgId, image, project, source } = workspace
      if (image !== null || project === null || project === undefined) return undefined
      const { outline } = project
      return { revision: project.revision, ...(outline === null ? {} : { devcontainer: findDevcontainer(outline)?.path ?? null }), look: (context) => look(deps, { id, orgId, source, project }, context) }
    },
    forget: (id: WorkspaceId) => rm(join(deps.dir, id), { recursive: true, force: true }),
  }
}
export type ProjectCode = ReturnType<typeof createProjectCode>

type Asked = Pick<WorkspaceRow, 'id' | 'orgId' | 'source'> & { readonly project: NonNullable<WorkspaceRow['project']> }

async function look(deps: ProjectDeps, asked: Asked, context: ProjectContext): Promise<ProjectSays> {
  const { source, project } = asked
  // A path is one of the machine's own, whatever is there on this host.
  if (source.kind === 'empty' || (source.kind === 'git' && /^(?:file:|\/)/i.test(source.url))) return { kind: 'nothing' }
  const known = project.outline
  if (known !== null && findDevcontainer(known) === null) return spoken(known)
  if (source.kind === 'archive') {
    if (known === null) return { kind: 'nothing' }
    return { kind: 'unreadable', why: 'a devcontainer is read from a git repository, and this directory is none (`git init` makes one)' }
  }
  try {
    const { tree, whileAllowed } = await treeOf(deps, asked, context)
    const outline = known ?? await outlineOf(tree, '.devcontainer', context.signal)
    const found = findDevcontainer(outline)
    if (found === null) return spoken(outline)
    return {
      kind: 'devcontainer', ...found,
      contentOf: (path) => objectAt(tree, path, context.signal),
      checkOut: (dir, paths, { signal, log }) => whileAllowed((allowed) => checkOutTree(allowed, { dir, paths, onLink: (path) => log(`left out: ${path} leads out of the project`) }, signal)),
    }
  } catch (error) {
    context.signal.throwIfAborted()
    if (error instanceof BerthError && error.code === 'cancelled') throw error
    deps.log(`${asked.id}: its project: ${messageOf(error)}`)
    return { kind: 'unreadable', why: `the code could not be looked at: ${error instanceof Error ? error.message : 'unknown'}` }
  }
}

function spoken(outline: readonly string[]): ProjectSays {
  const language = detectLanguage(outline)
  return language === null ? { kind: 'nothing' } : { kind: 'language', language }
}

/** `whileAllowed`: files may come from the host only then, with a credential that is good for moments. */
interface Found { readonly tree: TreeAt; whileAllowed<T>(use: (tree: TreeAt) => Promise<T>): Promise<T> }

async function treeOf(deps: ProjectDeps, { id, orgId, source, project }: Asked, { signal, log }: ProjectContext): Promise<Found> {
  const hosted = async (commit: string): Promise<Found> => {
    const tree = { gitDir: await deps.repositories.ensure(id), commit }
    return { tree, whileAllowed: (use) => use(tree) }
  }
  if (project.from === 'save') {
    const commit = await deps.repositories.resolve(id, HOSTED_REFS.save)
    if (commit !== null) return hosted(commit)
  }
  if (source.kind === 'git') {
    log('looking at the project')
    const allowed = async <T>(use: (config: Reading['config']) => Promise<T>): Promise<T> => {
      const { config, release } = await readAsServer(deps, { id, orgId }, source.url)
      return use(config).finally(release)
    }
    const tree = await allowed((config) => fetchLook(source, { dir: join(deps.dir, id), config, signal }))
    return { tree, whileAllowed: (use) => allowed((config) => use({ ...tree, env: { ...tree.env, ...configEnvironment(config) } })) }
  }
  await arrived(deps, id, { signal, log })
  const commit = await deps.repositories.resolve(id, HOSTED_REFS.wip) ?? await deps.repositories.resolve(id, HOSTED_REFS.head)
  if (commit === null) throw new BerthError('not_found', 'nothing was pushed')
  return hosted(commit)
}

/** Until the person's code is here. Ends when nobody wants the workspace up any more. */
async function arrived({ store }: ProjectDeps, id: WorkspaceId, { signal, log }: ProjectContext): Promise<void> {
  for (let said = false; ; said = true) {
    signal.throwIfAborted()
    const record = await store.getWorkspace(id)
    if (record === null || record.workspace.wish.target !== 'running') throw new BerthError('cancelled', 'nobody waits for this machine any more')
    if (record.workspace.sourceReady) return
    if (!said) log('waiting for the code')
    await Bun.sleep(LOOK_AGAIN_MS)
  }
}
