/**
 * The composition root: the only place that knows which store, providers and toolbox there are. `serve` makes a
 * server out of them for the process entry below and for tests.
 */
import { parseArgs } from 'node:util'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { deadlines, reap, reconcile, reportIntervalMs } from '@berth/core'
import type { Clock, Daemons, Provider, ReconcileDeps, Store } from '@berth/core'
import { loadMasterKey, openStore } from '@berth/store'
import { isPublic, parseHead } from '@berth/providers/local'
import { createToolbox, defaultToolboxDir, latestAgent } from '@berth/toolbox'
import type { Toolbox } from '@berth/toolbox'
import { DOOR_PATH } from '@berth/wire/reach-door'
import { BerthError, exitCode, VERSION } from '@berth/wire'
import type { OrgId, TokenId, UserId } from '@berth/wire'
import type { ServerInfo } from '@berth/wire/api'
import { createGate, type Gate } from './access/gate.ts'
import { addressOf } from './compose/addresses.ts'
import { BACKUP_WORDS, runBackupWord } from './compose/backup-words.ts'
import type { Carried } from './compose/carried.ts'
import { readConfig, type ServerConfig } from './compose/config.ts'
import { startDatabase, type RunningDatabase } from './compose/database.ts'
import { backupsDir, defaultHome, lockHome, prepareHome, readToken, rememberedPort, rememberPort, removeServerFile, writeServerFile, writeToken } from './compose/home.ts'
import type { Home } from './compose/home.ts'
import { listenForMachines, listenForPeople } from './compose/listeners.ts'
import type { ControlListener, LinkListener } from './compose/listeners.ts'
import { createLog } from './compose/log.ts'
import { specFor } from './compose/machine-spec.ts'
import { createCatalogue } from './compose/catalogue.ts'
import { agentFetcher, createPreparation } from './compose/preparation.ts'
import { listenForPreviews } from './compose/preview-listener.ts'
import { createProviders } from './compose/providers.ts'
import type { ProviderContext } from './compose/providers.ts'
import { gatherUsage } from './model-gateway/gathered-usage.ts'
import { createModelGateway, type ModelGateway } from './model-gateway/gateway.ts'
import { createInject } from './egress/inject.ts'
import { createPermissions, type Permissions } from './egress/permission.ts'
import { createEgress, type Egress } from './egress/proxy.ts'
import { openGitGateway } from './git-gateway/index.ts'
import { followGitHub } from './github/follow.ts'
import { createGitHub } from './github/index.ts'
import { sayer } from './http/api-github.ts'
import { createLinkHttp } from './git-hosting/link-http.ts'
import { createRepositories } from './git-hosting/repositories.ts'
import { createUploads } from './git-hosting/uploads.ts'
import { createControl } from './http/control.ts'
import { UNIX_PATH_LIMIT } from './http/listen.ts'
import { openReachDoor } from './http/reach-door.ts'
import type { DoorDeps } from './http/reach-door.ts'
import { createHosts } from './http/hosts.ts'
import { createPace, SIGN_IN_PACE } from './sign-in/pace.ts'
import type { GitHubPeopleDeps } from './sign-in/github-people.ts'
import { startRepositoryLooks } from './sign-in/repository-looks.ts'
import { createFirstPaint } from './http/first-paint.ts'
import { createPageFiles } from './http/page-files.ts'
import { onTheWeb, shownStore } from './http/shown.ts'
import { createLinkServer } from './link/link-server.ts'
import { createToolboxFiles } from './link/toolbox-files.ts'
import type { LinkServer } from './link/link-server.ts'
import { createDatabaseClock } from './loops/database-clock.ts'
import type { SampledClock } from './loops/database-clock.ts'
import { startPeriodic } from './loops/periodic.ts'
import { forgetFiles, sweepDeleted } from './loops/sweep-deleted.ts'
import { startTickLoop } from './loops/tick-loop.ts'
import type { TickLoop } from './loops/tick-loop.ts'
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
import { createChanges } from './services/changes.ts'
import { createOrigins } from './services/origins.ts'
import type { ServiceDeps } from './services/deps.ts'
import { createReviews } from './services/review.ts'
import { createServerAsks, type ServerAsks } from './services/server-asks.ts'
import { viewOf } from './services/view.ts'
import { listWorkspaces, wish } from './services/workspaces.ts'
import { createProviderRegistry } from './services/providers.ts'
import { createUpgrades, currentToolbox } from './services/upgrade.ts'
import { createSocketRoom } from './socket/socket-room.ts'
import type { SocketRoom } from './socket/socket-room.ts'

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
  /** Resolves when it has stopped, whoever asked. */
  readonly stopped: Promise<void>
}

/** Worth a line in the log. */
const SLOW_STOP_MS = 250

/** What was started, ended in the opposite order; one that does not end does not keep the others. */
function createClosers(log: (line: string) => void) {
  const closers: { name: string; close(): Promise<void> | void }[] = []
  return {
    add: (name: string, close: () => Promise<void> | void) => void closers.push({ name, close }),
    async closeAll() {
      for (let next = closers.pop(); next; next = closers.pop()) {
        const { name, close } = next
        const since = performance.now()
        await Promise.resolve(close()).catch((error: unknown) => log(`stopping ${name}: ${error instanceof Error ? error.message : String(error)}`))
        const tookMs = Math.round(performance.now() - since)
        if (tookMs > SLOW_STOP_MS) log(`stopping ${name} took ${tookMs} ms`)
      }
    },
  }
}
type Closers = ReturnType<typeof createClosers>

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
  const config = { ...await readConfig(home.dir), ...(options.publicUrl === undefined ? {} : { publicUrl: options.publicUrl }), ...(options.notify === undefined ? {} : { notify: options.notify }) }
  closers.add('the lock', lockHome(home.dir))
  const database = await startDatabase({ home: home.dir, url: options.databaseUrl ?? config.databaseUrl ?? null, log, ...(carried ? { binaries: carried.postgres } : {}) })
  closers.add('the database', () => database.stop())
  const masterKey = await loadMasterKey(home.dir, (bytes) => crypto.getRandomValues(new Uint8Array(bytes)), process.env['BERTH_MASTER_KEY_COMMAND'])
  // An external database has an owner, who makes backups of his own.
  const backups = database.kind === 'embedded' ? { backupsDir: backupsDir(home.dir) } : {}
  const opened = await openStore({ database: database.address, masterKey, log, ...backups, ...(carried ? { migrationsFolder: carried.migrations } : {}) })
  const store = options.store?.(opened) ?? opened
  closers.add('the store', () => store.close())
  const clock = options.clock === undefined
    ? await createDatabaseClock({ databaseNow: () => store.installation.databaseNow() })
    : { now: options.clock.now, sample: async () => {} }
  const { id: installation } = await store.installation.installation()
  const { userId, orgId: homeOrg } = await store.access.bootstrap(clock.now())
  const { token, id: homeTokenId } = await cliToken({ store, clock, userId }, home.dir)
  return { options, config, home, log, database, store, clock, installation, token, homeOrg, homeTokenId, closers }
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
  const [repositories, uploads] = [createRepositories({ dir: home.repositories }), createUploads({ dir: home.uploads })]
  const providers = createProviderRegistry((options.providers ?? createProviders)({ home: home.dir, installation, log }), config.provider ?? null)

  let ticks: TickLoop | null = null
  let socketRoom: SocketRoom | null = null
  // A daemon may come back before the previews are there; it is told where they are when they are.
  const [previewHosts, page] = [Promise.withResolvers<Previews['hosts']>(), Promise.withResolvers<string>()]
  const poke = () => ticks?.poke()
  const { toolboxDir, toolboxFiles } = toolboxPlaces(store)
  const github = createGitHub({ store, clock, log })
  closers.add('the tokens of GitHub', () => github.stop())
  const asks = startAsking(base)
  const permissions = createPermissions({ store: store.egress, asks, clock, log })
  const link = createLinkServer({
    store, clock, serverId, log, daemonFile: toolboxFiles.daemon,
    assignmentFor: (id) => assignmentFor({ store, clock, claudeExecutable: config.agents?.claude?.executable ?? null, versionOf: (program) => toolbox.chosen(program), previewHosts: previewHosts.promise }, id),
    reportMsFor: async (id) => reportIntervalMs((await store.getWorkspace(id))?.workspace.autoStopMs ?? 0),
    linkHttp: createLinkHttp({ store, clock, repositories, uploads, ghGateway: github.gh, gitGateway: openGitGateway({ store, clock, github, asks, log, dir: home.pushes, pageUrl: page.promise }), toolboxFiles, modelGateway: modelGatewayOf(base), inject: createInject({ store: store.egress, clock, log }), log }),
    egress: egressOf(base, permissions),
    // Its machine cannot be used by this server: stopped, it gets today's daemon when a person starts it again.
    onIncompatible: (id, reason) => void store.failWorkspace(id, { code: 'daemon_incompatible', message: `the daemon of the machine is too old for this server: ${reason}`, hint: 'start it again with `berth start`: that gives the machine the daemon of this server' }, clock.now())
      .then(poke, (error: unknown) => log(`${id}: ${String(error)}`)),
    onLive: (id, items) => socketRoom?.live(id, items),
    onTurnEnded: (id) => changes.turnEnded(id),
    // A daemon that came or went is what the workspace's next step waits for.
    onChange(id) {
      store.wake(id, clock.now()).then(poke, (error: unknown) => log(`${id}: ${String(error)}`))
      upgrades.look(id).catch((error: unknown) => log(`${id}: its daemon stays as it is: ${error instanceof Error ? error.message : String(error)}`))
    },
  })
  const changes = createChanges({ store, clock, log, daemons: link.daemons, changed: (id) => socketRoom?.changed(id) })
  const origins = createOrigins({ store, clock, github, log, daemons: link.daemons, changed: (id) => socketRoom?.changed(id) })
  const projects = createProjectCode({ store, github, repositories, dir: home.looks, log })
  const toolbox = createCatalogue({
    toolbox: options.toolbox ?? createToolbox({ dir: toolboxDir, log, ...(options.carried ? { embedded: options.carried.daemon } : {}) }),
    agentsDir: join(toolboxDir, 'agents'), file: join(home.dir, 'agents.json'), latest: latestAgent, log,
  })
  const upgrades = createUpgrades({ store, daemons: link.daemons, currentToolbox: currentToolbox(toolbox), log })
  const machines = await listenForMachines({ socket: home.linkSocket, port: config.linkPort ?? 0, remembered: await rememberedPort(home.dir), link })
  closers.add('the link listener', () => machines.stop())
  closers.add('the links', () => link.drain())
  await rememberPort(home.dir, machines.port)

  // The lock of the home is ours: whoever claimed something from here before was killed, and its leases would only be waited for.
  await store.releaseClaims(placeId, clock.now())
  ticks = startTicks(base, { link, machines, providers, serverId, toolbox, projects, declarePorts: (id, ports) => declarePorts(base, id, ports), forget: (id) => forgetFiles({ store, repositories, uploads, projects }, id) })
  const running = ticks
  closers.add('the ticks', () => running.stop())
  closers.add('the listener of appends', store.events.onAppend(poke))
  startReaper(base, providers)
  startPruner(base)
  startLooks(base, { github, origins })
  await sweepDeleted({ store, repositories, uploads, projects }, [home.repositories, home.uploads, home.looks])

  const people = listenForPeople({ hostname: options.listen ?? config.listen, port: options.port ?? config.port })
  closers.add('the control listener', () => people.stop())
  const hosts = createHosts({ loopback: people.loopback, port: people.port ?? 0, publicUrl: config.publicUrl ?? null })
  page.resolve(hosts.pageUrl)
  const services: ServiceDeps = {
    store, clock, daemons: link.daemons, providers, repositories, uploads, origins, log,
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
  previewHosts.resolve(previews.hosts)
  const reviews = createReviews(services)
  closers.add('the reviews', () => reviews.stop())
  openDoor(base, { ...services, gate, ...(options.allowedMs === undefined ? {} : { allowedMs: options.allowedMs }) })
  closers.add('what GitHub tells', followGitHub({ ...services, github, say: sayer(services) }))
  const ending = createEnding(base)
  people.serve(createControl({
    ...services, gate, github, permissions, publicUrl: config.publicUrl, homeOrg: base.homeOrg, homeTokenId: base.homeTokenId, pace: createPace({ clock, ...SIGN_IN_PACE }), catalogue: toolbox, hosts, reviews, previews, socketRoom: pages, notifying, branches: createBranches(), ...(options.allowedMs === undefined ? {} : { allowedMs: options.allowedMs }),
    pageFile: createPageFiles(
      options.carried?.webAssets ?? (async () => (await import('@berth/web/assets')).buildWebAssets()),
      createFirstPaint({ store, clock, log, listWorkspaces: async (reader) => (reader === undefined ? [] : onTheWeb(await listWorkspaces(services, { deleted: false, seen: await gate.seenBy(reader) }))) }),
    ),
    serverInfo: () => serverInfo(base, { url: people.localUrl, startedAt, daemons: link.daemons.count() }),
    // The answer to the request goes first.
    requestStop: () => void setTimeout(() => void ending.stop(), 50),
  }))
  await announce(base, people, { machines, startedAt })
  return {
    url: people.localUrl, pageUrl: hosts.pageUrl, previewUrl: previews.hosts.origin, linkUrl: machines.loopbackUrl, linkSocket: machines.unixSocket,
    token: base.token, store, daemons: link.daemons, asks, pages, databasePid: () => base.database.pid(), ...ending,
  }
}

function toolboxPlaces({ links }: Pick<Store, 'links'>) {
  const toolboxDir = defaultToolboxDir(process.env)
  return { toolboxDir, toolboxFiles: createToolboxFiles({ dir: toolboxDir, links }) }
}

function startTicks(base: Foundation, parts: { link: LinkServer; machines: LinkListener; providers: ServiceDeps['providers']; serverId: string; toolbox: Pick<Toolbox, 'ensureDaemon' | 'ensureAgent'>; projects: ProjectCode; declarePorts: NonNullable<ReconcileDeps['declarePorts']>; forget(id: Parameters<Daemons['connected']>[0]): Promise<boolean> }): TickLoop {
  const { config, store, clock, installation, log, closers } = base
  const { link, machines, providers, serverId, toolbox, projects, declarePorts } = parts
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
      specFor: (record) => specFor({ store, clock, toolbox: preparation.toolbox(), link: address, projects }, record),
      declarePorts,
      upSince: () => loop.upSince(),
    }, claim, signal),
    async ticked(id, step) {
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

/** On the address of the control listener, at a port of its own. */
async function startPreviews({ options, config, home, store, clock, log, closers }: Foundation, services: ServiceDeps, gate: Gate): Promise<Previews> {
  const { base, port } = { ...config.previews, ...options.previews }
  const listener = await listenForPreviews({ hostname: options.listen ?? config.listen, port, any: (options.port ?? config.port) === 0, home: home.dir, log })
  closers.add('the preview listener', () => listener.stop())
  const previews = createPreviews({
    store, clock, log, gate, daemons: services.daemons, pageUrl: services.pageUrl,
    hosts: createPreviewHosts({ port: listener.port, base: base ?? null, publicUrl: config.publicUrl ?? null }),
    start: (id) => wish(services, id, 'running'),
  })
  closers.add('the previews', () => previews.close())
  listener.serve((visitor) => previews.serve(visitor))
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

const FIRST_REAP_MS = 60_000
function startReaper({ store, clock, log, closers }: Foundation, providers: ServiceDeps['providers']): void {
  const reaper = startPeriodic({
    name: 'reaper', everyMs: deadlines.reaperInterval, firstAfterMs: FIRST_REAP_MS, log,
    run: (signal) => reap({ store: store.installation, providers: providers.all(), clock, log }, signal),
  })
  closers.add('the reaper', () => reaper.stop())
}

/** Above it a workspace loses its oldest events; a busy agent writes some ten thousand a day. */
const EVENTS_PER_WORKSPACE = 1_000_000
const FIRST_PRUNE_MS = 5 * 60_000
const FIRST_ORIGINS_MS = 15_000
function startLooks({ store, clock, homeOrg, log, closers }: Foundation, { github, origins }: { github: GitHubPeopleDeps['github']; origins: { round(): Promise<void> } }): void {
  const asking = startPeriodic({ name: 'origins', everyMs: deadlines.originRound, firstAfterMs: FIRST_ORIGINS_MS, log, run: () => origins.round() })
  closers.add('the look at origins', () => asking.stop())
  const rights = startRepositoryLooks({ store, clock, github, log, homeOrg })
  closers.add('the look at rights', () => rights.stop())
}
function startPruner({ store, clock, log, closers }: Foundation): void {
  const limits = { keepMs: deadlines.journalKeep, viewerMs: deadlines.viewerForgotten, eventsPerWorkspace: EVENTS_PER_WORKSPACE }
  const pruner = startPeriodic({
    name: 'pruning', everyMs: deadlines.pruneInterval, firstAfterMs: FIRST_PRUNE_MS, log,
    async run() {
      const { events } = await store.retention.prune(limits, clock.now())
      if (events > 0) log(`pruning: ${events} old events are gone`)
    },
  })
  closers.add('pruning', () => pruner.stop())
}

function createEnding({ closers, home, log }: Foundation): Pick<Server, 'stop' | 'stopped'> {
  const { promise: stopped, resolve } = Promise.withResolvers<void>()
  let stopping: Promise<void> | null = null
  const end = async () => {
    log('stopping')
    await removeServerFile(home.dir)
    await closers.closeAll()
    resolve()
  }
  return { stopped, stop: () => (stopping ??= end()) }
}

async function announce(base: Foundation, people: ControlListener, { machines, startedAt }: { machines: LinkListener; startedAt: number }): Promise<void> {
  await writeServerFile(base.home.dir, { pid: process.pid, url: people.localUrl, version: VERSION, installation: base.installation, linkUrl: machines.loopbackUrl, startedAt })
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
    const args = argv[0] === 'serve' ? argv.slice(1) : [...argv]
    const { values } = parseArgs({ args, options: { home: { type: 'string' }, listen: { type: 'string' }, port: { type: 'string' }, public: { type: 'string' }, 'preview-base': { type: 'string' }, 'preview-port': { type: 'string' } } })
    const home = values.home ?? defaultHome(process.env)
    const databaseUrl = process.env['DATABASE_URL']
    const log = createLog(home)
    const server = await serve({
      home, log, ...addressOf(values),
      ...(databaseUrl ? { databaseUrl } : {}),
      ...(carried ? { carried } : {}),
    })
    // A promise that nobody waited for costs its own request, never the server.
    process.on('unhandledRejection', (cause) => log(`bug: ${cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)}`))
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => void server.stop())
    await server.stopped
    return 0
  } catch (error) {
    const known = error instanceof BerthError ? error : new BerthError('internal', error instanceof Error ? (error.stack ?? error.message) : String(error))
    process.stderr.write(`berth: ${known.message} [${known.code}]\n${known.hint ? `hint: ${known.hint}\n` : ''}`)
    return exitCode(known.code)
  }
}

if (import.meta.main) process.exit(await main(process.argv.slice(2)))
