/**
 * The tables. Times are ms since the epoch by the database's clock, as bigint; JSON is jsonb. Every table that
 * holds a tenant's data has the organisation's id or reaches it through the workspace.
 *
 * Changes are expand-then-contract: a release serves the schema of the release before it. After an edit run
 * `bun run generate` here; the SQL in `migrations/` is what runs.
 */
import { sql } from 'drizzle-orm'
import { bigint, boolean, index, integer, jsonb, pgTable, primaryKey, text, uniqueIndex } from 'drizzle-orm/pg-core'
import { count, time } from './schema-columns.ts'
import { organisations, users } from './schema-people.ts'

export * from './schema-access.ts'
export * from './schema-cost.ts'
export * from './schema-git-access.ts'
export * from './schema-git-keys.ts'
export * from './schema-github.ts'
export * from './schema-hosted.ts'
export * from './schema-people.ts'
export * from './schema-pools.ts'
export * from './schema-saved.ts'
export * from './schema-ways-out.ts'

/** One row. */
export const installation = pgTable('installation', {
  singleton: integer('singleton').primaryKey().default(1),
  id: text('id').notNull(),
  epoch: count('epoch').notNull(),
  reaperHeld: text('reaper_held'),
  /** The oldest release that understands this schema. */
  minServerVersion: text('min_server_version').notNull(),
  ownerUserId: text('owner_user_id'),
  ownerOrgId: text('owner_org_id'),
})

export const memberships = pgTable('memberships', {
  orgId: text('org_id').notNull().references(() => organisations.id),
  userId: text('user_id').notNull().references(() => users.id),
  role: text('role').notNull(),
  createdAt: time('created_at').notNull(),
}, (table) => [primaryKey({ columns: [table.orgId, table.userId] }), index('memberships_user').on(table.userId)])

export const tokens = pgTable('tokens', {
  id: text('id').primaryKey(),
  hash: text('hash').notNull(),
  orgId: text('org_id').notNull().references(() => organisations.id),
  userId: text('user_id').notNull().references(() => users.id),
  kind: text('kind').notNull(),
  name: text('name').notNull(),
  /** What of its user's rights it has. */
  scope: text('scope').notNull().default('all'),
  createdAt: time('created_at').notNull(),
  expiresAt: time('expires_at'),
  lastUsedAt: time('last_used_at'),
}, (table) => [uniqueIndex('tokens_hash').on(table.hash), index('tokens_user').on(table.userId, table.createdAt)])

export const signInCodes = pgTable('sign_in_codes', {
  hash: text('hash').primaryKey(),
  userId: text('user_id').notNull().references(() => users.id),
  createdAt: time('created_at').notNull(),
  expiresAt: time('expires_at').notNull(),
  usedAt: time('used_at'),
})

export const workspaces = pgTable('workspaces', {
  id: text('id').primaryKey(),
  orgId: text('org_id').notNull().references(() => organisations.id),
  creatorId: text('creator_id').notNull().references(() => users.id),
  idempotencyKey: text('idempotency_key'),
  name: text('name').notNull(),
  repository: text('repository').notNull(),
  branch: text('branch'),
  source: jsonb('source').notNull(),
  sourceReady: boolean('source_ready').notNull(),
  project: jsonb('project'),
  provider: text('provider').notNull(),
  image: text('image'),
  resources: jsonb('resources').notNull(),
  agent: text('agent').notNull(),
  command: text('command'),
  services: jsonb('services').notNull(),
  approvalMode: text('approval_mode').notNull(),
  acceptNoIsolation: boolean('accept_no_isolation').notNull(),
  sessionId: text('session_id').notNull(),
  exposures: jsonb('exposures').notNull(),
  autoStopMs: count('auto_stop_ms').notNull(),
  keepAliveUntil: time('keep_alive_until'),
  wishTarget: text('wish_target').notNull(),
  wishBy: text('wish_by').notNull(),
  wishVersion: count('wish_version').notNull(),
  wishReason: text('wish_reason'),
  wishAt: time('wish_at').notNull(),
  generation: integer('generation').notNull().default(0),
  failure: jsonb('failure'),
  steps: jsonb('steps').notNull(),
  statusMessage: text('status_message'),
  agentState: text('agent_state').notNull().default('none'),
  activity: jsonb('activity'),
  idleVerdicts: integer('idle_verdicts').notNull().default(0),
  lastActiveAt: time('last_active_at').notNull(),
  startedAt: time('started_at'),
  readyAt: time('ready_at'),
  /** What the newest `workspace.phase` event said. */
  reported: jsonb('reported'),
  saved: jsonb('saved'),
  // Projections of the session's events, for the list.
  usage: jsonb('usage'),
  work: jsonb('work'),
  changes: jsonb('changes'),
  report: jsonb('report'),
  /** False: the workspace is not shown on the web. */
  web: boolean('web').notNull().default(true),
  /** Deleted, where another one would be stopped for idleness. */
  ephemeral: boolean('ephemeral').notNull().default(false),
  /** It was made ahead for that pool; not taken yet: nobody has asked for it. */
  poolId: text('pool_id'),
  poolTakenAt: time('pool_taken_at'),
  /** On its way to another provider. */
  move: jsonb('move'),
  /** What the machine of one generation begins with. */
  restore: jsonb('restore'),
  createdAt: time('created_at').notNull(),
  updatedAt: time('updated_at').notNull(),
  deletedAt: time('deleted_at'),
  // The reconciler's claim.
  nextTickAt: time('next_tick_at').notNull(),
  /** Woken since the claim began: the next tick is due at once, whatever this one asks for. */
  woken: boolean('woken').notNull().default(false),
  fence: count('fence').notNull().default(0),
  leaseOwner: text('lease_owner'),
  leaseUntil: time('lease_until'),
}, (table) => [
  index('workspaces_pool').on(table.poolId).where(sql`${table.poolId} is not null and ${table.poolTakenAt} is null and ${table.deletedAt} is null`),
  uniqueIndex('workspaces_name').on(table.orgId, table.name).where(sql`${table.deletedAt} is null`),
  uniqueIndex('workspaces_idempotency').on(table.creatorId, table.idempotencyKey),
  index('workspaces_due').on(table.nextTickAt).where(sql`${table.deletedAt} is null`),
  index('workspaces_created').on(table.orgId, table.createdAt),
])

/** The agent conversations. The main one's row is made when something is first known of it. */
export const sessions = pgTable('sessions', {
  id: text('id').primaryKey(),
  workspaceId: text('workspace_id').notNull().references(() => workspaces.id),
  /** Null: called by its agent. */
  title: text('title'),
  agent: text('agent').notNull(),
  mode: text('mode').notNull(),
  command: text('command'),
  approvalMode: text('approval_mode').notNull(),
  main: boolean('main').notNull(),
  forkedFrom: text('forked_from'),
  state: text('state').notNull(),
  detail: text('detail'),
  wantsLogin: boolean('wants_login').notNull().default(false),
  createdAt: time('created_at').notNull(),
  endedAt: time('ended_at'),
}, (table) => [index('sessions_workspace').on(table.workspaceId, table.createdAt)])

export const workspaceSecrets = pgTable('workspace_secrets', {
  workspaceId: text('workspace_id').primaryKey().references(() => workspaces.id),
  /** AES-256-GCM under the master key, with the workspace id as associated data: `v1.<nonce>.<sealed>` in base64url. */
  sealed: text('sealed').notNull(),
})

export const machines = pgTable('machines', {
  workspaceId: text('workspace_id').notNull().references(() => workspaces.id),
  generation: integer('generation').notNull(),
  provider: text('provider').notNull(),
  ref: jsonb('ref'),
  poll: jsonb('poll'),
  observed: jsonb('observed').notNull(),
  observedAt: time('observed_at'),
  isolation: text('isolation'),
  ensuringSince: time('ensuring_since'),
  stoppingSince: time('stopping_since'),
  saveState: text('save_state').notNull().default('none'),
  attempts: integer('attempts').notNull().default(0),
  retryAt: time('retry_at'),
  linkEpoch: count('link_epoch').notNull().default(0),
  linkedAt: time('linked_at'),
  lastSeenAt: time('last_seen_at'),
  daemonVersion: text('daemon_version'),
  createdAt: time('created_at').notNull(),
  endedAt: time('ended_at'),
}, (table) => [
  primaryKey({ columns: [table.workspaceId, table.generation] }),
  index('machines_live').on(table.workspaceId).where(sql`${table.endedAt} is null`),
])

/** The counter row of a workspace's events. Whoever writes events locks it first, so it also orders transactions. */
export const streams = pgTable('streams', {
  workspaceId: text('workspace_id').primaryKey().references(() => workspaces.id),
  tail: count('tail').notNull().default(0),
  /** Events with seq <= floor are gone. */
  floor: count('floor').notNull().default(0),
  /** The newest epoch minted for a link of this workspace. */
  linkEpoch: count('link_epoch').notNull().default(0),
})

export const events = pgTable('events', {
  workspaceId: text('workspace_id').notNull().references(() => streams.workspaceId),
  seq: count('seq').notNull(),
  id: text('id').notNull(),
  at: time('at').notNull(),
  source: text('source').notNull(),
  body: jsonb('body').notNull(),
}, (table) => [primaryKey({ columns: [table.workspaceId, table.seq] }), uniqueIndex('events_id').on(table.workspaceId, table.id)])

export const journals = pgTable('journals', {
  workspaceId: text('workspace_id').notNull().references(() => workspaces.id),
  id: text('id').notNull(),
  generation: integer('generation').notNull(),
  /** The n of the newest entry that is stored. */
  lastN: count('last_n').notNull(),
  updatedAt: time('updated_at').notNull(),
}, (table) => [primaryKey({ columns: [table.workspaceId, table.id] })])

export const links = pgTable('links', {
  workspaceId: text('workspace_id').notNull().references(() => workspaces.id),
  epoch: count('epoch').notNull(),
  generation: integer('generation').notNull(),
  server: text('server').notNull(),
  journalId: text('journal_id').notNull(),
  boot: text('boot').notNull(),
  daemonVersion: text('daemon_version').notNull(),
  isolation: text('isolation').notNull(),
  openedAt: time('opened_at').notNull(),
  lastSeenAt: time('last_seen_at').notNull(),
  closedAt: time('closed_at'),
}, (table) => [primaryKey({ columns: [table.workspaceId, table.epoch] })])

export const bootTokens = pgTable('boot_tokens', {
  workspaceId: text('workspace_id').notNull().references(() => workspaces.id),
  generation: integer('generation').notNull(),
  hash: text('hash').notNull(),
  createdAt: time('created_at').notNull(),
  usedAt: time('used_at'),
}, (table) => [primaryKey({ columns: [table.workspaceId, table.generation] })])

export const linkTokens = pgTable('link_tokens', {
  hash: text('hash').primaryKey(),
  workspaceId: text('workspace_id').notNull().references(() => workspaces.id),
  generation: integer('generation').notNull(),
  /** The boot token it was given for. */
  bootHash: text('boot_hash').notNull(),
  /** A link was opened with it, so its answer did arrive. */
  presented: boolean('presented').notNull().default(false),
  createdAt: time('created_at').notNull(),
}, (table) => [index('link_tokens_machine').on(table.workspaceId, table.generation)])

export const approvals = pgTable('approvals', {
  id: text('id').primaryKey(),
  workspaceId: text('workspace_id').notNull().references(() => workspaces.id),
  sessionId: text('session_id').notNull(),
  kind: text('kind').notNull(),
  tool: text('tool').notNull(),
  title: text('title').notNull(),
  toolCallId: text('tool_call_id'),
  input: jsonb('input').notNull(),
  cwd: text('cwd'),
  contentHash: text('content_hash').notNull(),
  state: text('state').notNull(),
  /** Its asker died before it got an answer. */
  orphaned: boolean('orphaned').notNull().default(false),
  askedAt: time('asked_at').notNull(),
  decision: jsonb('decision'),
  decidedBy: jsonb('decided_by'),
  appliedAt: time('applied_at'),
  /** Of what the server itself asks: nobody's answer in time is a no. Null: an agent asks. */
  expiresAt: time('expires_at'),
}, (table) => [
  index('approvals_workspace').on(table.workspaceId, table.askedAt),
  index('approvals_waiting').on(table.askedAt).where(sql`${table.state} in ('open', 'orphaned')`),
])

export const prompts = pgTable('prompts', {
  id: text('id').primaryKey(),
  workspaceId: text('workspace_id').notNull().references(() => workspaces.id),
  /** Null: the main one. */
  sessionId: text('session_id'),
  text: text('text').notNull(),
  by: text('by').notNull(),
  status: text('status').notNull(),
  detail: text('detail'),
  createdAt: time('created_at').notNull(),
  /** Order among prompts of the same ms. */
  position: bigint('position', { mode: 'number' }).generatedAlwaysAsIdentity(),
}, (table) => [index('prompts_workspace').on(table.workspaceId, table.createdAt, table.position)])

export const viewers = pgTable('viewers', {
  id: text('id').primaryKey(),
  workspaceId: text('workspace_id').notNull().references(() => workspaces.id),
  userId: text('user_id').notNull().references(() => users.id),
  client: text('client').notNull(),
  joinedAt: time('joined_at').notNull(),
  lastSeenAt: time('last_seen_at').notNull(),
  lastInputAt: time('last_input_at'),
}, (table) => [index('viewers_workspace').on(table.workspaceId, table.lastSeenAt), index('viewers_seen').on(table.lastSeenAt)])

export const sightings = pgTable('sightings', {
  key: text('key').primaryKey(),
  count: integer('count').notNull(),
  firstAt: time('first_at').notNull(),
  lastAt: time('last_at').notNull(),
})

/** What people accepted so far, one row a workspace. */
export const reviews = pgTable('reviews', {
  workspaceId: text('workspace_id').primaryKey().references(() => workspaces.id),
  reviewedTree: text('reviewed_tree').notNull(),
  updatedAt: time('updated_at').notNull(),
})

/** `hunkId` '' marks a file that has no hunks. */
export const reviewMarks = pgTable('review_marks', {
  workspaceId: text('workspace_id').notNull().references(() => workspaces.id),
  path: text('path').notNull(),
  hunkId: text('hunk_id').notNull(),
  mark: text('mark').notNull(),
  reason: text('reason'),
  /** The hunk as a patch of its own, so that it can still be taken out, and told, when it has moved. */
  patch: text('patch'),
  by: text('by').notNull(),
  at: time('at').notNull(),
  appliedAt: time('applied_at'),
  toldAt: time('told_at'),
}, (table) => [primaryKey({ columns: [table.workspaceId, table.path, table.hunkId] })])

export const reviewComments = pgTable('review_comments', {
  id: text('id').primaryKey(),
  workspaceId: text('workspace_id').notNull().references(() => workspaces.id),
  path: text('path').notNull(),
  side: text('side').notNull(),
  line: integer('line').notNull(),
  quote: text('quote').notNull(),
  text: text('text').notNull(),
  by: text('by').notNull(),
  at: time('at').notNull(),
  sentAt: time('sent_at'),
}, (table) => [index('review_comments_workspace').on(table.workspaceId, table.at)])

export const userSettings = pgTable('user_settings', {
  userId: text('user_id').primaryKey().references(() => users.id),
  settings: jsonb('settings').notNull(),
  /** Tokens of channels, under the master key with the user's id as associated data. */
  sealed: text('sealed'),
  updatedAt: time('updated_at').notNull(),
})

export const pushDevices = pgTable('push_devices', {
  id: text('id').primaryKey(),
  userId: text('user_id').notNull().references(() => users.id),
  name: text('name').notNull(),
  /** SHA-256 of the endpoint: adding a device again replaces its row. */
  endpointHash: text('endpoint_hash').notNull(),
  /** Endpoint and keys, sealed: whoever has them can write to the device. */
  sealed: text('sealed').notNull(),
  addedAt: time('added_at').notNull(),
  lastSentAt: time('last_sent_at'),
  failing: text('failing'),
}, (table) => [uniqueIndex('push_devices_endpoint').on(table.userId, table.endpointHash)])

/** One answer to one request, once. */
export const decisionTokens = pgTable('decision_tokens', {
  hash: text('hash').primaryKey(),
  approvalId: text('approval_id').notNull().references(() => approvals.id),
  contentHash: text('content_hash').notNull(),
  userId: text('user_id').notNull().references(() => users.id),
  behavior: text('behavior').notNull(),
  createdAt: time('created_at').notNull(),
  usedAt: time('used_at'),
}, (table) => [index('decision_tokens_approval').on(table.approvalId)])

/** What is to be told, one row for each channel; kept until it was sent or given up. */
export const notifications = pgTable('notifications', {
  id: text('id').primaryKey(),
  /** The same thing is told once to one channel. */
  key: text('key').notNull(),
  userId: text('user_id').notNull().references(() => users.id),
  channel: text('channel').notNull(),
  message: jsonb('message').notNull(),
  dueAt: time('due_at').notNull(),
  attempts: integer('attempts').notNull().default(0),
  sentAt: time('sent_at'),
  gaveUp: text('gave_up'),
  createdAt: time('created_at').notNull(),
}, (table) => [uniqueIndex('notifications_key').on(table.userId, table.channel, table.key), index('notifications_due').on(table.dueAt).where(sql`${table.sentAt} is null and ${table.gaveUp} is null`)])

/** Keys that the server made for itself (web push), sealed under the master key. */
export const serverKeys = pgTable('server_keys', {
  name: text('name').primaryKey(),
  publicKey: text('public_key').notNull(),
  sealed: text('sealed').notNull(),
  createdAt: time('created_at').notNull(),
})

/** What people set for a port of a workspace. */
export const previews = pgTable('previews', {
  workspaceId: text('workspace_id').notNull().references(() => workspaces.id),
  port: integer('port').notNull(),
  label: text('label'),
  isPrimary: boolean('is_primary').notNull().default(false),
  access: text('access').notNull().default('private'),
  hostHeader: text('host_header').notNull().default('preview'),
  wake: boolean('wake').notNull().default(false),
  /** Of the share link's token. */
  shareHash: text('share_hash'),
  shareExpiresAt: time('share_expires_at'),
  updatedAt: time('updated_at').notNull(),
}, (table) => [primaryKey({ columns: [table.workspaceId, table.port] })])

/** Who was let in to a port: on the way there (`ticket`, used once), or there (`visit`). */
export const previewGrants = pgTable('preview_grants', {
  hash: text('hash').primaryKey(),
  kind: text('kind').notNull(),
  workspaceId: text('workspace_id').notNull().references(() => workspaces.id),
  port: integer('port').notNull(),
  /** The session it came from, and ends with. */
  tokenId: text('token_id').references(() => tokens.id, { onDelete: 'cascade' }),
  /** The share link it came from, and ends with. */
  shareHash: text('share_hash'),
  createdAt: time('created_at').notNull(),
  expiresAt: time('expires_at').notNull(),
}, (table) => [index('preview_grants_token').on(table.tokenId), index('preview_grants_expires').on(table.expiresAt)])

/** What every workspace of a project gets. */
export const projectSecrets = pgTable('project_secrets', {
  orgId: text('org_id').notNull().references(() => organisations.id),
  /** As `projectKey` writes it. */
  project: text('project').notNull(),
  name: text('name').notNull(),
  kind: text('kind').notNull(),
  /** As a workspace's secrets are, with the place as associated data. */
  sealed: text('sealed').notNull(),
  updatedAt: time('updated_at').notNull(),
}, (table) => [primaryKey({ columns: [table.orgId, table.project, table.name] })])

/** Keys of model vendors. */
export const modelKeys = pgTable('model_keys', {
  orgId: text('org_id').notNull().references(() => organisations.id),
  vendor: text('vendor').notNull(),
  baseUrl: text('base_url').notNull(),
  /** As a workspace's secrets are, with organisation, vendor and address as associated data. */
  sealed: text('sealed').notNull(),
  limitMicros: count('limit_micros'),
  addedAt: time('added_at').notNull(),
  lastUsedAt: time('last_used_at'),
}, (table) => [primaryKey({ columns: [table.orgId, table.vendor] })])

/** What a workspace used of a model, summed up. */
export const modelUsage = pgTable('model_usage', {
  workspaceId: text('workspace_id').notNull().references(() => workspaces.id),
  vendor: text('vendor').notNull(),
  model: text('model').notNull(),
  requests: count('requests').notNull(),
  inputTokens: count('input_tokens').notNull(),
  outputTokens: count('output_tokens').notNull(),
  cacheReadTokens: count('cache_read_tokens').notNull(),
  cacheWriteTokens: count('cache_write_tokens').notNull(),
  costMicros: count('cost_micros').notNull(),
  updatedAt: time('updated_at').notNull(),
}, (table) => [primaryKey({ columns: [table.workspaceId, table.vendor, table.model] })])
