import { mkdir } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import type { Store } from '@berth/core'
import { type Ids, randomIds, VERSION } from '@berth/wire'
import { createAccess } from './access.ts'
import type { MasterKey } from './crypto.ts'
import { connect, type DatabaseAddress, type Sql } from './address.ts'
import { createApprovals } from './approvals.ts'
import { createAudit } from './audit.ts'
import { backup } from './backup.ts'
import type { StoreContext } from './context.ts'
import { createEventStore } from './events.ts'
import { createPeople } from './people.ts'
import { createDeviceLogins, createIdentities, createPasskeys, createSignInSteps } from './sign-ins.ts'
import { createGitHosts } from './git-hosts.ts'
import { createCommitIdentities, createDeployKeys } from './git-keys.ts'
import { createHostedRepositories, createRepositoryTokens } from './hosted.ts'
import { createGitPolicies } from './git-policies.ts'
import { createGitHub } from './github.ts'
import { createInstallation, ensureInstallation } from './installation.ts'
import { createLinks } from './links.ts'
import { migrateDatabase, type MigrateOptions } from './migrate.ts'
import { createCostLimits, createCosts, createProviderNotes } from './costs.ts'
import { createDecisionTokens, createDevices, createNotifications, createServerKeys } from './notifications.ts'
import { createEgressStore } from './egress.ts'
import { createModelKeys } from './model-access.ts'
import { createModelBudgets, createModelUsage } from './model-access-usage.ts'
import { createPools } from './pools.ts'
import { createPreviews } from './previews.ts'
import { createPrompts } from './prompts.ts'
import { createRetention } from './retention.ts'
import { createReviews } from './reviews.ts'
import { createServerAsks } from './server-asks.ts'
import { createMoves, createSaved } from './saved.ts'
import { createSessions } from './sessions.ts'
import { createProjectMcp } from './project-mcp.ts'
import { createProjectSecrets } from './project-secrets.ts'
import { createSettings } from './settings.ts'
import { createTicks } from './ticks.ts'
import { createViewers } from './viewers.ts'
import { createWorkspaces } from './workspaces.ts'

export interface StoreOptions {
  readonly database: DatabaseAddress
  /** 32 bytes, from `loadMasterKey`. A secret. */
  readonly masterKey: MasterKey
  readonly ids?: Ids
  readonly random?: (bytes: number) => Uint8Array
  readonly log?: (line: string) => void
  /** Of the one user of a fresh installation; absent: the name of the system's user. */
  readonly ownerName?: string
  readonly migrationsFolder?: string
  /** Before the schema of a database in use changes, a backup is written here. Absent: its owner makes his own. */
  readonly backupsDir?: string
  readonly connections?: number
}

const CONNECTIONS = 10

/** Migrates, connects, and listens. */
export async function openStore(options: StoreOptions): Promise<Store> {
  await migrateDatabase({
    address: options.database, version: VERSION,
    ...(options.migrationsFolder === undefined ? {} : { folder: options.migrationsFolder }),
    ...(options.backupsDir === undefined ? {} : { beforeChange: backupInto(options.backupsDir) }),
  })
  const sql = connect(options.database, { max: options.connections ?? CONNECTIONS })
  try {
    return await assemble(sql, options)
  } catch (error) {
    await sql.end({ timeout: 1 })
    throw error
  }
}

function backupInto(dir: string): NonNullable<MigrateOptions['beforeChange']> {
  return async (sql, applied) => {
    await mkdir(dir, { recursive: true, mode: 0o700 })
    const [clock] = await sql<{ now: number }[]>`select (extract(epoch from clock_timestamp()) * 1000)::bigint as now`
    await backup(sql, join(dir, `before-migration-${applied}-${clock?.now}.berth.zst`))
  }
}

async function assemble(sql: Sql, options: StoreOptions): Promise<Store> {
  const random = options.random ?? ((bytes: number) => crypto.getRandomValues(new Uint8Array(bytes)))
  const context: StoreContext = { sql, ids: options.ids ?? randomIds, random, masterKey: options.masterKey, log: options.log ?? (() => {}) }
  await ensureInstallation(sql, random)
  const { events, close } = await createEventStore(context, options.database)
  return {
    ...createWorkspaces(context),
    ...createTicks(context),
    events,
    links: createLinks(context),
    approvals: createApprovals(context),
    serverAsks: createServerAsks(context),
    prompts: createPrompts(context),
    access: createAccess(context, options.ownerName ?? userInfo().username),
    viewers: createViewers(context),
    installation: createInstallation(context),
    retention: createRetention(context),
    settings: createSettings(context),
    projectSecrets: createProjectSecrets(context),
    projectMcp: createProjectMcp(context),
    devices: createDevices(context),
    notifications: createNotifications(context),
    decisionTokens: createDecisionTokens(context),
    serverKeys: createServerKeys(context),
    reviews: createReviews(context),
    previews: createPreviews(context),
    pools: createPools(context),
    people: createPeople(context),
    deviceLogins: createDeviceLogins(context),
    signInSteps: createSignInSteps(context),
    identities: createIdentities(context),
    passkeys: createPasskeys(context),
    gitHosts: createGitHosts(context),
    deployKeys: createDeployKeys(context),
    commitIdentities: createCommitIdentities(context),
    hostedRepositories: createHostedRepositories(context),
    repositoryTokens: createRepositoryTokens(context),
    gitPolicies: createGitPolicies(context),
    github: createGitHub(context),
    audit: createAudit(context),
    sessions: createSessions(context),
    saved: createSaved(context),
    moves: createMoves(context),
    modelKeys: createModelKeys(context),
    modelUsage: createModelUsage(context),
    modelBudgets: createModelBudgets(context),
    egress: createEgressStore(context),
    costs: createCosts(context),
    costLimits: createCostLimits(context),
    providerNotes: createProviderNotes(context),
    async close() { await Promise.all([close(), sql.end({ timeout: 5 })]) },
  }
}
