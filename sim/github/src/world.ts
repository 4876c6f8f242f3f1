/** The state of one GitHub, and what a test may make happen in it. Nothing here speaks HTTP. */
import { createHash, generateKeyPairSync, randomBytes, randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { makeRepository } from './bare-repository.ts'
import { Refusal } from './model.ts'
import type { Account, App, Check, Delivery, Fault, Installation, Permissions, Repository, Role, Status, Token } from './model.ts'

export interface NewApp { readonly name: string; readonly owner: Account; readonly permissions: Permissions; readonly events: readonly string[]; readonly hookUrl: string | null; readonly setupUrl: string | null; readonly callbackUrls: readonly string[] }
export interface DeviceGrant { readonly clientId: string; readonly userCode: string; readonly intervalS: number; readonly expiresAt: number; user: Account | 'denied' | null; lastAskedAt: number }
/** What a hook is told of; set by the room that sends. */
export type Emit = (app: App, event: { name: string; action: string | null; payload: Record<string, unknown>; installation: Installation | null; repository: Repository | null }) => Promise<Delivery>

const KEY_BITS = 2048

function emptyState() {
  return {
    accounts: new Map<string, Account>(), repositories: [] as Repository[], apps: [] as App[], installations: [] as Installation[],
    tokens: new Map<string, Token>(), refreshTokens: new Map<string, { user: Account; app: App; expiresAt: number }>(), manifests: new Map<string, { app: App; pem: string; expiresAt: number }>(), codes: new Map<string, { user: Account; app: App; redirect: string; challenge: string | null; expiresAt: number }>(),
    devices: new Map<string, DeviceGrant>(), deliveries: [] as Delivery[], faults: [] as Fault[],
    /** Who is signed in to its pages; null: nobody. */
    signedIn: null as Account | null,
    /** What that person answers when an app asks to sign them in. */
    consents: true,
    /** What that person picks when asked where to install an app. */
    choice: null as { account: string; repositories: 'all' | readonly string[] } | null,
    /** What was asked, in order: `METHOD path status`. */
    asked: [] as string[],
    /** Every token that ever was. */
    issued: [] as string[],
    /** What each token of an installation may do, in the order of their making. */
    granted: [] as Permissions[],
  }
}

export function createWorld(root: string) {
  let last = 1000
  let offsetMs = 0
  const nextId = (): number => ++last
  const now = (): number => Date.now() + offsetMs
  const state = emptyState()
  const account = (login: string): Account => {
    const found = state.accounts.get(login.toLowerCase())
    if (found === undefined) throw new Error(`nobody is called ${login}`)
    return found
  }
  const repository = (fullName: string): Repository | null => state.repositories.find((each) => `${each.owner.login}/${each.name}`.toLowerCase() === fullName.toLowerCase()) ?? null
  const known = (fullName: string): Repository => {
    const found = repository(fullName)
    if (found === null) throw new Error(`there is no ${fullName}`)
    return found
  }
  const addAccount = (login: string, type: Account['type'], { name = null, emails = [] }: Partial<Pick<Account, 'name' | 'emails'>> = {}): Account => {
    const made = { id: nextId(), login, type, name, emails }
    state.accounts.set(login.toLowerCase(), made)
    return made
  }
  const world = {
    ...state, nextId, now, account, repository, known,
    advance(ms: number) { offsetMs += ms },
    /** Without `emails` one that is verified. */
    addUser: (login: string, more: Partial<Pick<Account, 'name' | 'emails'>> = {}) => addAccount(login, 'User', { emails: [{ email: `${login}@example.org`, verified: true }], ...more }),
    addOrganization: (login: string) => addAccount(login, 'Organization'),
    async addRepository(fullName: string, { isPrivate = true, files = { 'README.md': `${fullName}\n` } }: { isPrivate?: boolean; files?: Record<string, string> } = {}): Promise<Repository> {
      const [login = '', name = ''] = fullName.split('/')
      const dir = join(root, login, `${name}.git`)
      await makeRepository(dir, files)
      const made: Repository = { id: nextId(), owner: account(login), name, private: isPrivate, defaultBranch: 'main', dir, collaborators: new Map(), pulls: [], checks: new Map(), statuses: new Map() }
      state.repositories.push(made)
      return made
    },
    setCollaborator(fullName: string, login: string, role: Role | null) {
      if (role === null) known(fullName).collaborators.delete(account(login).login)
      else known(fullName).collaborators.set(account(login).login, role)
    },
    setCheck(fullName: string, sha: string, check: Omit<Check, 'id'>) {
      const of = known(fullName).checks
      of.set(sha, [...(of.get(sha) ?? []).filter(({ name }) => name !== check.name), { ...check, id: nextId() }])
    },
    setStatus(fullName: string, sha: string, status: Omit<Status, 'id'>) {
      const of = known(fullName).statuses
      of.set(sha, [...(of.get(sha) ?? []).filter(({ context }) => context !== status.context), { ...status, id: nextId() }])
    },
    addApp(wanted: NewApp): { app: App; pem: string } {
      const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: KEY_BITS })
      const slug = wanted.name.toLowerCase().replace(/[^a-z0-9]+/g, '-')
      if (state.apps.some((app) => app.slug === slug)) throw new Refusal(422, `the name ${wanted.name} is taken`)
      const app: App = { ...wanted, id: nextId(), slug, publicKey, clientId: `Iv23li${randomBytes(7).toString('hex')}`, clientSecret: randomBytes(20).toString('hex'), webhookSecret: randomBytes(20).toString('hex') }
      state.apps.push(app)
      return { app, pem: privateKey.export({ type: 'pkcs1', format: 'pem' }).toString() }
    },
    install(app: App, login: string, repositories: 'all' | readonly string[]): Installation {
      const at = account(login)
      const ids = repositories === 'all' ? 'all' : new Set(repositories.map((name) => known(`${login}/${name}`).id))
      const present = state.installations.find((each) => each.app === app && each.account === at)
      if (present !== undefined) return Object.assign(present, { repositories: ids, suspendedAt: null })
      const made: Installation = { id: nextId(), app, account: at, repositories: ids, permissions: { ...app.permissions, metadata: 'read' }, suspendedAt: null }
      state.installations.push(made)
      return made
    },
    /** A person takes the app off: its tokens are worthless at once. */
    uninstall(installation: Installation) {
      state.installations.splice(state.installations.indexOf(installation), 1)
      for (const [text, token] of state.tokens) if (token.kind === 'installation' && token.installation === installation) state.tokens.delete(text)
    },
    issue(token: Token): string {
      // Longer than they once were, and of no fixed length.
      const text = token.kind === 'user' ? `ghu_${randomBytes(18).toString('hex')}` : `ghs_${token.installation.app.id}_${randomBytes(90 + (nextId() % 30)).toString('base64url')}`
      state.tokens.set(text, token)
      state.issued.push(text)
      if (token.kind === 'installation') state.granted.push(token.permissions)
      return text
    },
    /** The person takes back what the app may do in their name: what it holds of them is worthless at once. */
    revokeAuthorization(app: App, { login }: Account) {
      for (const [text, token] of state.tokens) if (token.kind === 'user' && token.app === app && token.user.login === login) state.tokens.delete(text)
      for (const [text, held] of state.refreshTokens) if (held.app === app && held.user.login === login) state.refreshTokens.delete(text)
    },
    covers: (installation: Installation, { id, owner }: Repository): boolean => installation.account === owner && (installation.repositories === 'all' || installation.repositories.has(id)),
    /** Null: the person says no. */
    authorizeDevice(userCode: string, login: string | null) {
      const grant = [...state.devices.values()].find((each) => each.userCode === userCode)
      if (grant === undefined) throw new Error(`no device shows ${userCode}`)
      grant.user = login === null ? 'denied' : account(login)
    },
  }
  return world
}
export type World = ReturnType<typeof createWorld>

export const nodeId = (kind: string, id: number): string => Buffer.from(`${kind}${id}`).toString('base64url')
export const guid = (): string => randomUUID()
export const hash = (text: string): string => createHash('sha256').update(text).digest('hex')
