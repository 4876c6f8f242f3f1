/**
 * The composition root: the only place that knows which store, providers and toolbox there are. `serve` makes a
 * server out of them for the process entry below and for tests.
 */
import { parseArgs } from 'node:util'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { deadlines, reconcile, reportIntervalMs } from '@berth/core'
import type { Clock, Daemons, Provider, ReconcileDeps, Store } from '@berth/core'
import { loadMasterKey, openStore, type Lead } from '@berth/store'
import { isPublic, parseHead } from '@berth/providers/local'
import { createToolbox, latestAgent } from '@berth/toolbox'
import type { Toolbox } from '@berth/toolbox'
import { DOOR_PATH } from '@berth/wire/reach-door'
import { BerthError, exitCode, VERSION } from '@berth/wire'
import type { OrgId, TokenId, UserId } from '@berth/wire'
import type { ServerInfo } from '@berth/wire/api'
import { createGate, type Gate } from './access/gate.ts'
import { addressOf, TLS_OPTIONS, withOptions } from './compose/addresses.ts'
import { BACKUP_WORDS, runBackupWord } from './compose/backup-words.ts'
import type { Carried } from './compose/carried.ts'
import { createClosers, type Closers } from './compose/closers.ts'
import { createDrain, type Drain } from './compose/drain.ts'
import { createEnding } from './compose/ending.ts'
import { listenForMetrics } from './compose/observing.ts'
import { readConfig, type ServerConfig } from './compose/config.ts'
import { startDatabase, type RunningDatabase } from './compose/database.ts'
import { backupsDir, defaultHome, lockHome, prepareHome, readToken, rememberedPort, rememberInstallation, rememberPort, writeServerFile, writeToken } from './compose/home.ts'
import type { Home } from './compose/home.ts'
import { listenForMachines, listenForPeople } from './compose/listeners.ts'
import type { ControlListener, LinkListener } from './compose/listeners.ts'
import { createLog, logFormat } from './compose/log.ts'
import { specFor } from './compose/machine-spec.ts'
import { checkServer } from './compose/server-checks.ts'
import { standBy } from './compose/standby.ts'
import { rememberAuditHeads } from './compose/audit-heads.ts'
import { createCatalogue } from './compose/catalogue.ts'
import { agentFetcher, createPreparation } from './compose/preparation.ts'
import { listenForPreviews } from './compose/preview-listener.ts'
import { openBootLogs } from './compose/boot-logs.ts'
import { startGitGateway, startGitHosts } from './compose/git-hosts.ts'
import { startImages, toolboxPlaces } from './compose/images.ts'
import { startRounds } from './compose/rounds.ts'
import { runReapWord } from './compose/reap-word.ts'
import { openSavedPlace, startSaving, type SavedPlace } from './compose/saved.ts'
import { createProviders } from './compose/providers/index.ts'
import type { ProviderContext } from './compose/providers/index.ts'
import { startNames } from './compose/names.ts'
import { startTls } from './compose/tls.ts'
import { gatherUsage } from './model-gateway/gathered-usage.ts'
import { createMetrics, type Metrics } from './metrics/index.ts'
import { createModelGateway, type ModelGateway } from './model-gateway/gateway.ts'
import { createInject } from './egress/inject.ts'
import { createPermissions, type Permissions } from './egress/permission.ts'
import { createEgress, type Egress } from './egress/proxy.ts'
import { followHosts } from './pulls/follow-hosts.ts'
import type { StateSaving } from './saved/saving.ts'
import { sayer } from './http/api-github.ts'
import { createLinkHttp } from './link/link-http.ts'
import { openHosting } from './compose/hosting.ts'
import { createControl } from './http/control.ts'
import { UNIX_PATH_LIMIT } from './http/listen.ts'
import { openReachDoor } from './http/reach-door.ts'
import type { DoorDeps } from './http/reach-door.ts'
import { createHosts } from './http/hosts.ts'
import { createPace, SIGN_IN_PACE } from './sign-in/pace.ts'
import { createFirstPaint } from './http/first-paint.ts'
import { createPageFiles, type PageFiles } from './http/page-files.ts'
import { onTheWeb, shownStore } from './http/shown.ts'
import { createLinkServer } from './link/link-server.ts'
import type { LinkServer } from './link/link-server.ts'
import { createDatabaseClock } from './loops/database-clock.ts'
import type { SampledClock } from './loops/database-clock.ts'
import { forgetFiles, sweepDeleted } from './loops/sweep-deleted.ts'
import { startTickLoop } from './loops/tick-loop.ts'
import type { TickLoop, TickLoopDeps } from './loops/tick-loop.ts'
import { startNotifying } from './notify/index.ts'
import type { Notifying, NotifyDeps } from './notify/index.ts'
import { createPreviewHosts } from './previews/hosts.ts'
import { declarePorts } from './project/declare-ports.ts'
import { createProjectCode } from './project/project-code.ts'
import type { ProjectCode } from './project/project-code.ts'
import { createPreviews } from './previews/index.ts'
import type { Previews } from './previews/index.ts'
import { createBranches } from './services/repositories.ts'
import { assignmentFor } from './services/assignment.ts'
import { createOwnActs } from './services/own-acts.ts'
import { createChanges } from './services/changes.ts'
import { createCommitSigner } from './services/commits.ts'
import { createOrigins } from './services/origins.ts'
import type { ServiceDeps } from './services/deps.ts'
import { createReviews } from './services/review.ts'
import { createServerAsks, type ServerAsks } from './services/server-asks.ts'
import { viewOf } from './services/view.ts'
import { listWorkspaces, wish } from './services/workspaces.ts'
import { createCostLimits } from './services/cost-limits.ts'
import { quoteOf } from './services/costs.ts'
import { createProviderRegistry } from './services/providers.ts'
import { sharingReads } from './services/shared-reads.ts'
import { createUpgrades, currentToolbox } from './services/upgrade.ts'
import { createSocketRoom } from './socket/socket-room.ts'
import type { SocketRoom } from './socket/socket-room.ts'
import { messageOf } from './thrown.ts'

export interface ServeOptions {
  readonly home: string
  /** Address of the control listener; default loopback. */
  readonly listen?: string
  /** Absent: 7420 or the next free one. 0: any. */
  readonly port?: number
  /** Where people reach this server, before what config.yaml says. */
  readonly publicUrl?: string
  /** Before what config.yaml says. */
  readonly previews?: ServerConfig['previews']
  /** Before what config.yaml says. */
  readonly tls?: ServerConfig['tls']
  /** Before what config.yaml says. */
  readonly drainNoticeSeconds?: number
  /** Before what config.yaml says. */
  readonly linkUrl?: string
  readonly linkPort?: number
  /** Before what config.yaml says. */
  readonly standby?: boolean
  readonly notify?: ServerConfig['notify']
  /** Absent: the built-in database. */
  readonly databaseUrl?: string
  readonly log?: (line: string) => void
  /** A released binary's own files. */
  readonly carried?: Carried
  /** Tests replace parts of the world. */
  readonly providers?: (context: ProviderContext) => readonly Provider[]
  readonly store?: (store: Store) => Store
  readonly clock?: Clock
  readonly toolbox?: Pick<Toolbox, 'ensureDaemon' | 'ensureAgent'>
  readonly allowedMs?: number
}

export interface Server {
  /** Where programs on this host reach the API. */
  readonly url: string
  /** Where people's browsers go. */
  readonly pageUrl: string
  /** Where they find a port of a workspace. */
  previewUrl(of: { readonly port: number; readonly label: string }): string
  readonly linkUrl: string
  readonly linkSocket: string
  /** The CLI's token. A secret. */
  readonly token: string
  readonly store: Store
  readonly daemons: Daemons
  readonly asks: ServerAsks
  readonly pages: Pick<SocketRoom, 'live' | 'isCardOnFocusedScreen'>
  /** The built-in database's process. */
  databasePid(): number | null
  /** Machines go on. May be called twice. */
  stop(): Promise<void>
  /** Resolves when it has stopped, whoever asked, with the exit code for it. */
  readonly stopped: Promise<number>
}

interface Foundation {
  readonly options: ServeOptions
  readonly config: ServerConfig
  readonly home: Home
  readonly log: (line: string) => void
  readonly database: RunningDatabase
  readonly store: Store
  readonly clock: SampledClock
  readonly installation: string
  readonly token: string
  /** The organisation that the server belongs to. */
  readonly homeOrg: OrgId
  readonly homeTokenId: TokenId
  readonly closers: Closers
  readonly metrics: Metrics
  readonly drain: Drain
  readonly savedPlace: SavedPlace
  /** Null: no others stand by. */
  readonly lead: Lead | null
}

export async function serve(options: ServeOptions): Promise<Server> {
  const log = options.log ?? (() => {})
  const closers = createClosers(log)
  try {
    return await assemble(await foundation(options, log, closers))
  } catch (error) {
    await closers.closeAll()
    throw error
  }
}

async function foundation(options: ServeOptions, log: (line: string) => void, closers: Closers): Promise<Foundation> {
  const { carried } = options
  const home = await prepareHome(options.home)
  const config = withOptions(await readConfig(home.dir), options)
  const databaseUrl = options.databaseUrl ?? config.databaseUrl ?? null
  const lead = await standBy({ ...options, config, databaseUrl, home: home.dir, log })
  closers.add('its turn', () => lead?.release())
  closers.add('the lock', lockHome(home.dir))
  const database = await startDatabase({ home: home.dir, url: databaseUrl, log, ...(carried ? { binaries: carried.postgres } : {}) })
  closers.add('the database', () => database.stop())
  const masterKey = await loadMasterKey(home.dir, (bytes) => crypto.getRandomValues(new Uint8Array(bytes)), process.env['BERTH_MASTER_KEY_COMMAND'])
  // An external database has an owner, who makes backups of his own.
  const backups = database.kind === 'embedded' ? { backupsDir: backupsDir(home.dir) } : {}
  const opened = await rememberAuditHeads(await openStore({ database: database.address, masterKey, log, ...backups, ...(carried ? { migrationsFolder: carried.migrations } : {}) }), { home: home.dir, log, closers })
  const metrics = createMetrics()
  const store = metrics.store(options.store?.(opened) ?? opened)
  closers.add('the store', () => store.close())
  const clock = options.clock === undefined
    ? await createDatabaseClock({ databaseNow: () => store.installation.databaseNow() })
    : { now: options.clock.now, sample: async () => {} }
  const { id: installation } = await store.installation.installation()
  await rememberInstallation(home.dir, installation)
  const { userId, orgId: homeOrg } = await store.access.bootstrap(clock.now())
  const { token, id: homeTokenId } = await cliToken({ store, clock, userId }, home.dir)
  const savedPlace = await openSavedPlace({ config, home: home.dir, dir: home.states, masterKey })
  return { lead, savedPlace, options, config, home, log, database, store, clock, installation, token, homeOrg, homeTokenId, closers, metrics, drain: createDrain(log) }
}

async function cliToken({ store, clock, userId }: { store: Store; clock: Clock; userId: UserId }, dir: string): Promise<{ token: string; id: TokenId }> {
  const present = await readToken(dir)
  const known = present === null ? null : await store.access.authenticate(present, clock.now())
  if (present !== null && known !== null) return { token: present, id: known.tokenId }
  const made = await store.access.issueToken({ userId, kind: 'cli', name: `cli on ${hostname()}`, expiresAt: null }, clock.now())
  await writeToken(dir, made.token)
  return made
}

function modelGatewayOf({ store, clock, log, closers }: Foundation): ModelGateway {
  const usage = gatherUsage(store.modelUsage)
  closers.add('what models were used', () => usage.stop())
  return createModelGateway({ store: { ...store, modelUsage: { ...store.modelUsage, add: usage.add } }, clock, log })
}

const placeOf = ({ dir }: Home): [string, string] => [`${hostname()}:${dir}:`, `${hostname()}:${dir}:${process.pid}`]

function egressOf({ store, clock, log, config }: Foundation, permissions: Permissions): Egress {
  return createEgress({ store: store.egress, permissions, clock, log, rules: { parseHead, isPublic }, ...(config.egress === undefined ? {} : { names: config.egress.names }) })
}

async function assemble(base: Foundation): Promise<Server> {
  const { options, config, home, log, store, clock, installation, closers } = base
  const startedAt = clock.now()
  const [placeId, serverId] = placeOf(home)
  const { repositories, uploads, hosted } = openHosting(base)
  const providers = createProviderRegistry((options.providers ?? createProviders)({ home: home.dir, installation, log }).map((provider) => base.metrics.provider(provider)), config.provider ?? null, { chosen: () => store.providerNotes.chosen() })
  const costLimits = createCostLimits({ store, clock, providers, log, poke: () => poke() })

  let ticks: TickLoop | null = null
  let socketRoom: SocketRoom | null = null
  const [page, begun] = [Promise.withResolvers<string>(), Promise.withResolvers<void>()]
  const poke = () => ticks?.poke()
  const { toolboxDir, agentsDir, toolboxFiles, imageToken } = toolboxPlaces(store)
  const [github, asks, { given }, { bootLogs, boot }] = [startGitHosts(base), startAsking(base), createOwnActs(base), openBootLogs({ ...base, home: home.dir, poke })]
  const [permissions, reads] = [createPermissions({ store: store.egress, asks, clock, log }), sharingReads(store)]
  const git = startGitGateway(base, { github, hosted, asks, pageUrl: page.promise })
  const saving = startSaving(base, { connected: (id) => link.daemons.connected(id), call: (...call) => link.daemons.call(...call) }, poke)
  const link = createLinkServer({
    store, clock, serverId, log, begun: begun.promise, daemonFile: toolboxFiles.daemon, bootLog: bootLogs.take,
    assignmentFor: (id) => assignmentFor({ store: reads, clock, claudeExecutable: config.agents?.claude?.executable ?? null, versionOf: (program) => toolbox.chosen(program), previewHosts: previews.hosts, given, hosted }, id),
    reportMsFor: async (id) => reportIntervalMs((await reads.getWorkspace(id))?.workspace.autoStopMs ?? 0),
    linkHttp: createLinkHttp({ store, clock, repositories, quota: hosted.quota, uploads, ghGateway: github.gh, gitGateway: git.gateway, toolboxFiles, modelGateway: modelGatewayOf(base), signer: createCommitSigner({ store, clock }), inject: createInject({ store: store.egress, clock, log }), saving, log }),
    egress: egressOf(base, permissions),
    // Its machine cannot be used by this server: stopped, it gets today's daemon when a person starts it again.
    onIncompatible: (id, reason) => void store.failWorkspace(id, { code: 'daemon_incompatible', message: `the daemon of the machine is too old for this server: ${reason}`, hint: 'start it again with `berth start`: that gives the machine the daemon of this server' }, clock.now())
      .then(poke, (error: unknown) => log(`${id}: ${String(error)}`)),
    onLive: (id, items) => socketRoom?.live(id, items),
    onTurnEnded: (id) => changes.look(id),
    // A daemon that came or went is what the workspace's next step waits for.
    onChange(id) {
      store.wake(id, clock.now()).then(poke, (error: unknown) => log(`${id}: ${String(error)}`))
      upgrades.look(id).catch((error: unknown) => log(`${id}: its daemon stays as it is: ${messageOf(error)}`))
    },
  })
  const changes = createChanges({ store, clock, log, daemons: link.daemons, changed: (id) => socketRoom?.changed(id) })
  const origins = createOrigins({ store, clock, github, hosted, log, keysDir: home.keys, daemons: link.daemons, changed: (id) => socketRoom?.changed(id) })
  const projects = createProjectCode({ store, github, hosted, repositories, dir: home.looks, keysDir: home.keys, log })
  const toolbox = createCatalogue({
    toolbox: options.toolbox ?? createToolbox({ dir: toolboxDir, log, ...(options.carried ? { embedded: options.carried.daemon } : {}) }),
    agentsDir, file: join(home.dir, 'agents.json'), latest: latestAgent, log,
  })
  const upgrades = createUpgrades({ store, daemons: link.daemons, currentToolbox: currentToolbox(toolbox, clock), log })
  const machines = await listenForMachines({ socket: home.linkSocket, hostname: config.linkListen, port: config.linkPort ?? 0, remembered: await rememberedPort(home.dir, 'link'), link })
  closers.add('the link listener', () => machines.stop())
  closers.add('the links', () => link.drain())
  await rememberPort(home.dir, 'link', machines.port)

  // The lock of the home is ours: whoever claimed something from here before was killed, and its leases would only be waited for.
  await store.releaseClaims(placeId, clock.now())
  ticks = startTicks(base, { begun: git.begun, boot, saving, link, machines, providers, serverId, toolbox, projects, declarePorts: (id, ports) => declarePorts(base, id, ports), forget: (id) => forgetFiles({ store, repositories, uploads, projects, bootLogs }, id) })
  const running = ticks
  closers.add('the ticks', () => running.stop())
  closers.add('the listener of appends', store.events.onAppend(poke))
  startRounds({ ...base, providers, github, origins, costLimits, saving, poke })
  await sweepDeleted({ store, repositories, uploads, projects, bootLogs }, [home.repositories, home.uploads, home.looks, join(home.dir, 'boot')])

  const people = listenForPeople({ hostname: options.listen ?? config.listen, port: options.port ?? config.port, remembered: await rememberedPort(home.dir, 'page'), log })
  closers.add('the control listener', () => people.stop())
  base.drain.add(people)
  const hosts = createHosts({ loopback: people.loopback, port: people.port ?? 0, publicUrl: config.publicUrl ?? null, gitUrl: config.hosting?.url ?? null })
  page.resolve(hosts.pageUrl)
  hosted.found({ pageUrl: hosts.pageUrl, localUrl: people.localUrl })
  const services: ServiceDeps = {
    store, clock, bootLogs, daemons: link.daemons, providers, repositories, hosted, uploads, origins, costLimits, home: home.dir, log,
    poke(id) {
      poke()
      socketRoom?.changed(id)
    },
    autoStopMs: config.autoStopMinutes === undefined ? deadlines.autoStop : config.autoStopMinutes * 60_000,
    pageUrl: hosts.pageUrl,
    upSince: () => running.upSince(),
    fetchAgent: agentFetcher(toolbox, log),
  }
  const notifying = startNotifications(base, hosts.pageUrl, (approvalId, userId) => socketRoom?.isCardOnFocusedScreen(approvalId, userId) ?? false)
  const gate = createGate({ access: store.access, homeOrg: base.homeOrg })
  const pages = openSocketRoom(base, services, gate)
  socketRoom = pages
  const previews = await startPreviews(base, services, gate)
  const tls = await startTls({ ...base, home: home.dir, page: people, link: machines, services, previews })
  watchServer(base, { links: () => link.daemons.count(), certificates: () => tls?.states() ?? [] })
  const reviews = createReviews(services, (id) => changes.look(id))
  closers.add('the reviews', () => reviews.stop())
  openDoor(base, { ...services, gate, ...(options.allowedMs === undefined ? {} : { allowedMs: options.allowedMs }) })
  closers.add('what git hosts tell', followHosts({ ...services, github, say: sayer(services) }))
  const ending = createEnding(base)
  people.serve(createControl({
    ...services, gate, github, permissions, saving, stateBytes: base.savedPlace.bytes, keepBackupsMs: base.savedPlace.keepBackupsMs, publicUrl: config.publicUrl, homeOrg: base.homeOrg, homeTokenId: base.homeTokenId, pace: createPace({ clock, ...SIGN_IN_PACE }), catalogue: toolbox, hosts, reviews, previews, tls, metrics: base.metrics, drain: base.drain, socketRoom: pages, notifying, branches: createBranches(), ...(options.allowedMs === undefined ? {} : { allowedMs: options.allowedMs }),
    pageFile: pageFileOf(base, services, gate), images: startImages({ ...base, providers, toolbox }, imageToken),
    serverInfo: () => serverInfo(base, { url: people.localUrl, startedAt, daemons: link.daemons.count() }),
    checkServer: () => checkServer({ home: home.dir, config, tls, installation, databaseNow: () => store.installation.databaseNow(), now: () => Date.now() }),
    // The answer to the request goes first.
    requestStop: () => void setTimeout(() => void ending.stop(), 50),
  }))
  await announce(base, people, { machines, startedAt })
  begun.resolve()
  return {
    url: people.localUrl, pageUrl: hosts.pageUrl, previewUrl: previews.hosts.origin, linkUrl: machines.loopbackUrl, linkSocket: machines.unixSocket,
    token: base.token, store, daemons: link.daemons, asks, pages, databasePid: () => base.database.pid(), ...ending,
  }
}

function pageFileOf({ options, store, clock, log }: Foundation, services: ServiceDeps, gate: Gate): PageFiles {
  return createPageFiles(
    options.carried?.webAssets ?? (async () => (await import('@berth/web/assets')).buildWebAssets()),
    createFirstPaint({ store, clock, log, listWorkspaces: async (reader) => (reader === undefined ? [] : onTheWeb(await listWorkspaces(services, { deleted: false, seen: await gate.seenBy(reader) }))) }),
  )
}

function startTicks(base: Foundation, parts: { begun(...taken: Parameters<TickLoopDeps['ticked']>): void; boot: NonNullable<ReconcileDeps['boot']>; saving: StateSaving; link: LinkServer; machines: LinkListener; providers: ServiceDeps['providers']; serverId: string; toolbox: Pick<Toolbox, 'ensureDaemon' | 'ensureAgent'>; projects: ProjectCode; declarePorts: NonNullable<ReconcileDeps['declarePorts']>; forget(id: Parameters<Daemons['connected']>[0]): Promise<boolean> }): TickLoop {
  const { config, store, clock, installation, log, closers } = base
  const { boot, saving, link, machines, providers, serverId, toolbox, projects, declarePorts } = parts
  const preparation = createPreparation({
    toolbox, clock, log,
    agentsOf: async (id) => ((await store.sessions.list([id])).get(id) ?? []).map(({ agent }) => agent),
    wake: (id) => void store.wake(id, clock.now()).then(() => loop.poke(), (error: unknown) => log(`${id}: ${String(error)}`)),
  })
  closers.add('the toolbox', () => preparation.stop())
  const address = { unixSocket: machines.unixSocket, loopbackUrl: machines.loopbackUrl, publicUrl: config.linkUrl ?? null }
  const loop: TickLoop = startTickLoop({
    store, clock, owner: serverId, log,
    reconcile: (claim, signal) => reconcile({
      store, clock, installation, log,
      providers: (name) => providers.get(name),
      daemons: link.daemons,
      prepared: (record) => preparation.prepared(record),
      specFor: (record) => specFor({ installation, store, clock, toolbox: preparation.toolbox(), link: address, projects, providers }, record),
      quote: ({ workspace, machine }, within) => quoteOf(providers.get(machine?.provider ?? workspace.provider), workspace.resources, within),
      declarePorts, boot,
      moves: saving, slept: createOwnActs(base).slept,
      upSince: () => loop.upSince(),
    }, claim, signal),
    async ticked(id, step) {
      parts.begun(id, step)
      if (step.do === 'destroy' || step.do === 'settle') await parts.forget(id)
    },
  })
  return loop
}

function startNotifications({ store, clock, config, log, closers }: Foundation, pageUrl: string, isCardOnFocusedScreen: NotifyDeps['isCardOnFocusedScreen']): Notifying {
  const notifying = startNotifying({ store, clock, log, pageUrl, isCardOnFocusedScreen, allowPrivate: config.notify?.allowPrivate ?? false, contact: config.notify?.contact ?? null })
  closers.add('notifications', () => notifying.stop())
  return notifying
}

/** For the CLI of this home. It does without where the path is too long for a socket. */
function openDoor({ home, closers }: Foundation, services: DoorDeps): void {
  const path = join(home.dir, ...DOOR_PATH)
  if (Buffer.byteLength(path) > UNIX_PATH_LIMIT) return
  const door = openReachDoor(services, path)
  closers.add('the door', () => door.stop())
}

function watchServer({ metrics, store, clock, drain, ...base }: Foundation, of: Pick<Parameters<Metrics['watch']>[0], 'links' | 'certificates'>): void {
  metrics.watch({ store, clock, pending: () => drain.pending(), ...of })
  listenForMetrics(metrics, base)
}

/** On the address of the control listener, at a port of its own. */
async function startPreviews(foundation: Foundation, services: ServiceDeps, gate: Gate): Promise<Previews> {
  const { options, config, home, store, clock, log, closers } = foundation
  const { base, port } = config.previews ?? {}
  const listener = await listenForPreviews({ hostname: options.listen ?? config.listen, port, any: (options.port ?? config.port) === 0, home: home.dir, log })
  closers.add('the preview listener', () => listener.stop())
  const previews = createPreviews({
    store, clock, log, gate, daemons: services.daemons, pageUrl: services.pageUrl,
    hosts: createPreviewHosts({ port: listener.port, base: base ?? null, publicUrl: config.publicUrl ?? null }),
    start: (id) => wish(services, id, 'running'),
  })
  closers.add('the previews', () => previews.close())
  listener.serve((visitor) => previews.serve(visitor))
  startNames(foundation, previews.hosts)
  return previews
}

function openSocketRoom({ options, store, clock, log, closers }: Foundation, services: ServiceDeps, gate: Gate): SocketRoom {
  const room = createSocketRoom({
    store: shownStore(store), clock, log,
    list: async (identity) => onTheWeb(await listWorkspaces(services, { deleted: false, seen: await gate.seenBy(identity) })),
    level: (identity, id) => gate.level(identity, id),
    ...(options.allowedMs === undefined ? {} : { credentialMs: options.allowedMs }),
    async view(id, needsYou) {
      const record = await store.getWorkspace(id)
      return record === null || record.workspace.web === false ? null : viewOf(services, record, { needsYou })
    },
  })
  closers.add('the pages', () => room.drain())
  return room
}


function startAsking({ store, clock, log, closers }: Foundation): ServerAsks {
  const asks = createServerAsks({ store, clock, log })
  closers.add('the questions of the server', () => asks.stop())
  return asks
}

async function announce(base: Foundation, people: ControlListener, { machines, startedAt }: { machines: LinkListener; startedAt: number }): Promise<void> {
  await rememberPort(base.home.dir, 'page', people.port ?? 0)
  await writeServerFile(base.home.dir, { pid: process.pid, url: people.localUrl, version: VERSION, installation: base.installation, linkUrl: machines.loopbackUrl, startedAt, ...(people.movedFrom === null ? {} : { movedFrom: people.movedFrom }) })
  base.log(`ready on ${people.localUrl} (${base.database.kind} database)`)
}

async function serverInfo({ store, clock, config, database, home, installation }: Foundation, now: { url: string; startedAt: number; daemons: number }): Promise<ServerInfo> {
  const [workspaces, viewers, { reaperHeld }] = await Promise.all([
    store.listWorkspaces({ deleted: false }), store.viewers.total(clock.now() - deadlines.viewerGone), store.installation.installation(),
  ])
  return {
    version: VERSION, pid: process.pid, startedAt: now.startedAt, installation, home: home.dir, url: now.url, database: database.kind, publicUrl: config.publicUrl ?? null,
    workspaces: workspaces.length, viewers, daemons: now.daemons, memoryBytes: process.memoryUsage.rss(), deadlines, reaperHeld,
  }
}

/** `berth serve`, by hand or started in the background by the CLI, and `backup` and `restore`. The first word may be missing. */
export async function main(argv: readonly string[], carried?: Carried): Promise<number> {
  try {
    const word = BACKUP_WORDS.find((known) => known === argv[0])
    if (word !== undefined) {
      await runBackupWord(word, argv.slice(1), { env: process.env, out: (line) => void process.stdout.write(`${line}\n`), ...(carried ? { carried } : {}) })
      return 0
    }
    if (argv[0] === 'reap') {
      await runReapWord(argv.slice(1), { env: process.env, out: (line) => void process.stdout.write(`${line}\n`), input: () => Bun.stdin.text() })
      return 0
    }
    const args = argv[0] === 'serve' ? argv.slice(1) : [...argv]
    const { values } = parseArgs({ args, options: { home: { type: 'string' }, listen: { type: 'string' }, port: { type: 'string' }, public: { type: 'string' }, 'preview-base': { type: 'string' }, 'preview-port': { type: 'string' }, 'log-format': { type: 'string' }, ...TLS_OPTIONS } })
    const home = values.home ?? defaultHome(process.env)
    const databaseUrl = process.env['DATABASE_URL']
    const log = createLog(home, logFormat(values['log-format'] ?? process.env['BERTH_LOG_FORMAT']))
    const server = await serve({
      home, log, ...addressOf(values),
      ...(databaseUrl ? { databaseUrl } : {}),
      ...(carried ? { carried } : {}),
    })
    // A promise that nobody waited for costs its own request, never the server.
    process.on('unhandledRejection', (cause) => log(`bug: ${cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)}`))
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => void server.stop())
    return await server.stopped
  } catch (error) {
    const known = error instanceof BerthError ? error : new BerthError('internal', error instanceof Error ? (error.stack ?? error.message) : String(error))
    process.stderr.write(`berth: ${known.message} [${known.code}]\n${known.hint ? `hint: ${known.hint}\n` : ''}`)
    return exitCode(known.code)
  }
}

if (import.meta.main) process.exit(await main(process.argv.slice(2)))
