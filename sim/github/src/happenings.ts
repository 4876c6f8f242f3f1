/**
 * What happens at a GitHub and is told to apps: each changes the world first, then tells every app that listens, with a
 * payload as it is published. An app hears of its own installations always, and of repositories where it is installed when
 * it subscribed to the event and may read what it is about.
 */
import { commitOf } from './bare-repository.ts'
import { reaches } from './model.ts'
import type { Account, App, Check, Delivery, Installation, Repository, Role, Status } from './model.ts'
import type { Shapes } from './shapes.ts'
import { filled } from './spec/description.ts'
import type { WebhookName } from './spec/operations.ts'
import type { Webhooks } from './webhooks.ts'
import type { World } from './world.ts'

type Payload = Record<string, unknown>
/** What an app must be given to hear of it. */
const NEEDS: Readonly<Record<string, string>> = { push: 'contents', status: 'statuses', check_run: 'checks', pull_request: 'pull_requests', member: 'members', repository: 'metadata' }
const NONE = '0'.repeat(40)

export function createHappenings({ world, shapes, webhooks, judge }: { world: World; shapes: Shapes; webhooks: Webhooks; judge(name: WebhookName, payload: Payload): void }) {
  const person = (): Account => world.signedIn ?? [...world.accounts.values()][0] ?? { id: 1, login: 'ghost', type: 'User', name: null, emails: [] }

  async function tell(app: App, name: WebhookName, payload: Payload, of: { installation: Installation | null; repository: Repository | null }): Promise<Delivery> {
    judge(name, payload)
    const [event = '', action] = name.split('/')
    return webhooks.tell(app, { event: event.replaceAll('-', '_'), action: action?.replaceAll('-', '_') ?? null, payload, ...of })
  }
  async function ofRepository(repository: Repository, name: WebhookName, payload: Payload): Promise<Delivery[]> {
    const event = name.split('/')[0]?.replaceAll('-', '_') ?? ''
    const told: Delivery[] = []
    for (const installation of world.installations) {
      const { app, suspendedAt } = installation
      const may = suspendedAt === null && world.covers(installation, repository) && app.events.includes(event) && reaches(installation.permissions[NEEDS[event] ?? 'metadata'], 'read')
      const shownRepository = event === 'push' ? shapes.pushed(repository) : shapes.repository('repository-webhooks', repository)
      if (may) told.push(await tell(app, name, { ...payload, repository: shownRepository, sender: shapes.user(person()), installation: { id: installation.id, node_id: `I${installation.id}` } }, { installation, repository }))
    }
    return told
  }
  const ofInstallation = (installation: Installation, action: 'created' | 'deleted' | 'suspend' | 'unsuspend'): Promise<Delivery> => tell(installation.app, `installation/${action}`, { action, installation: shapes.installation(installation, person()), repositories: listed(installation).map(brief), requester: null, sender: shapes.user(person()) }, { installation, repository: null })
  const listed = (installation: Installation): Repository[] => world.repositories.filter((each) => world.covers(installation, each))
  const brief = (of: Repository): Payload => ({ id: of.id, node_id: `R${of.id}`, name: of.name, full_name: `${of.owner.login}/${of.name}`, private: of.private })

  return {
    async install(app: App, login: string, repositories: 'all' | readonly string[]): Promise<Installation> {
      const installation = world.install(app, login, repositories)
      await ofInstallation(installation, 'created')
      return installation
    },
    async uninstall(installation: Installation): Promise<Delivery> {
      world.uninstall(installation)
      return ofInstallation(installation, 'deleted')
    },
    async suspend(installation: Installation, suspended: boolean): Promise<Delivery> {
      installation.suspendedAt = suspended ? world.now() : null
      return ofInstallation(installation, suspended ? 'suspend' : 'unsuspend')
    },
    /** The person changes the choice. */
    async choose(installation: Installation, names: readonly string[]): Promise<Delivery[]> {
      const before = new Set(listed(installation))
      installation.repositories = new Set(names.map((name) => world.known(`${installation.account.login}/${name}`).id))
      const after = new Set(listed(installation))
      const added = [...after].filter((each) => !before.has(each))
      const removed = [...before].filter((each) => !after.has(each))
      const told = (action: 'added' | 'removed'): Promise<Delivery> => tell(installation.app, `installation-repositories/${action}`, { action, installation: shapes.installation(installation, person()), repository_selection: 'selected', repositories_added: action === 'added' ? added.map(brief) : [], repositories_removed: action === 'removed' ? removed.map(brief) : [], requester: null, sender: shapes.user(person()) }, { installation, repository: null })
      return [...(added.length > 0 ? [await told('added')] : []), ...(removed.length > 0 ? [await told('removed')] : [])]
    },
    /** Its refs are there already; this tells of it. */
    async pushed(fullName: string, branch: string, before: string | null): Promise<Delivery[]> {
      const repository = world.known(fullName)
      const after = await commitOf(repository.dir, branch)
      return ofRepository(repository, 'push', filled('webhook-push', {
        ref: `refs/heads/${branch}`, before: before ?? NONE, after: after ?? NONE, created: before === null, deleted: after === null, forced: false, base_ref: null, commits: [], head_commit: null, compare: 'https://github.invalid/compare', pusher: { name: person().login, email: null },
      }))
    },
    async check(fullName: string, sha: string, check: Omit<Check, 'id'>): Promise<Delivery[]> {
      world.setCheck(fullName, sha, check)
      const repository = world.known(fullName)
      const made = repository.checks.get(sha)?.find(({ name }) => name === check.name)
      if (made === undefined) return []
      const action = made.status === 'completed' ? 'completed' : 'created'
      return ofRepository(repository, `check-run/${action}`, { action, check_run: { ...shapes.checkRun(repository, sha, made, 'check-run-with-simple-check-suite') } })
    },
    async status(fullName: string, sha: string, status: Omit<Status, 'id'>): Promise<Delivery[]> {
      world.setStatus(fullName, sha, status)
      const repository = world.known(fullName)
      return ofRepository(repository, 'status', shapes.statusTold(repository, sha, status, { id: world.nextId(), at: world.now() }))
    },
    async collaborator(fullName: string, login: string, role: Role | null): Promise<Delivery[]> {
      world.setCollaborator(fullName, login, role)
      const action = role === null ? 'removed' : 'added'
      return ofRepository(world.known(fullName), `member/${action}`, { action, member: shapes.user(world.account(login)) })
    },
    async revokeAuthorization(app: App, login: string): Promise<Delivery> {
      world.revokeAuthorization(app, world.account(login))
      return tell(app, 'github-app-authorization/revoked', { action: 'revoked', sender: shapes.user(world.account(login)) }, { installation: null, repository: null })
    },
  }
}
export type Happenings = ReturnType<typeof createHappenings>
