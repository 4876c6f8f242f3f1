/** `run`: the daemon proper. Builds every part, joins them, and waits for the end. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { SessionId } from '@berth/wire'
import { BerthError } from '@berth/wire/error'
import { LINK_HTTP } from '@berth/wire/daemon'
import type { ActivityReport, Assignment, BootFile } from '@berth/wire/daemon'
import { readBoot } from './boot.ts'
import { bootPath, MACHINE_ENV, RUN_EXIT, UPGRADE_FILE } from './machine.ts'
import { createCalls } from './calls.ts'
import type { AsAgent, DaemonContext, Link } from './contracts.ts'
import { createConverger } from './converge.ts'
import type { Converger } from './converge.ts'
import { giveBackCode } from './give-back.ts'
import { openJournal } from './journal/journal.ts'
import { createLink } from './link/link.ts'
import { selfCommand } from './self.ts'
import { createMachineLoad } from './services/activity/machine-load.ts'
import type { MachineLoad } from './services/activity/machine-load.ts'
import { createAsAgent } from './services/as-agent.ts'
import { createBringProgram } from './services/bring-programs.ts'
import { fetchOverLink, openGateway } from './services/gateway/gateway.ts'
import type { Gateway } from './services/gateway/gateway.ts'
import { createFiles } from './services/files/files.ts'
import { createOwnMcp } from './services/mcp/index.ts'
import { createGh } from './services/gateway/gh.ts'
import { createCommitConfig } from './services/gateway/commit-config.ts'
import { gitConfigPath, writeGitConfig } from './services/gateway/git-config.ts'
import { withOpencodeModels } from './services/gateway/opencode-models.ts'
import { createWays } from './services/gateway/ways.ts'
import { createGitTree } from './services/git/tree.ts'
import { writeProgramsOnPath } from './services/programs-on-path.ts'
import { createReview, noticingTurnEnds } from './services/review/index.ts'
import { holdersOf } from './services/ports/holders.ts'
import { socketInodes, watchPorts } from './services/ports/ports.ts'
import { createSignIns } from './services/sign-in/index.ts'
import { loginFileOf } from './services/sign-in/logins.ts'
import { createRenewals } from './services/sign-in/renewals.ts'
import { beginWith } from './services/state/begin.ts'
import { createSaver } from './services/state/save.ts'
import { createSsh } from './services/ssh/index.ts'
import { createSince } from './services/sync/since.ts'
import { createServices } from './services/processes/services.ts'
import { carries, listProcesses } from './services/processes/table.ts'
import { openTerminals } from './services/terminal/index.ts'
import { withSystemPath } from './services/system-path.ts'
import { findTmux } from './services/terminal/tmux.ts'
import { createStreams } from './streams.ts'

/** By then it is connected, and its agent is under way. */
const STARTED_MS = 2000
const FLUSH_AT_END_MS = 2000
/** The answer to the call that asked for it leaves first. */
const UPGRADE_AFTER_MS = 300

/** Everything that `run` needs is loaded, and the boot file is one that this version reads. */
export function checkMain(argv: readonly string[]): number {
  readBoot(bootPath(argv))
  return 0
}

export async function runMain(argv: readonly string[]): Promise<number> {
  // A project's image, or its `containerEnv`, may have set one without tmux in it.
  process.env['PATH'] = withSystemPath(process.env['PATH'])
  const path = bootPath(argv)
  let boot: BootFile
  try {
    boot = readBoot(path)
  } catch (cause) {
    process.stderr.write(`${cause instanceof Error ? cause.message : String(cause)}\n`)
    return RUN_EXIT.badBoot
  }
  const end = Promise.withResolvers<number>()
  process.on('SIGTERM', () => end.resolve(0))
  process.on('SIGINT', () => end.resolve(0))
  process.on('unhandledRejection', (cause) => process.stderr.write(`unexpected: ${cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)}\n`))
  const daemon = startDaemon({ boot, path, machineBoot: process.env[MACHINE_ENV] ?? 'unsupervised', end: end.resolve })
  setTimeout(() => void giveBackCode(), STARTED_MS).unref()
  const code = await end.promise
  await daemon.close()
  return code
}

const log = (line: string): void => { process.stderr.write(`${line}\n`) }
function makePlaces({ stateDir, runDir }: Pick<BootFile, 'stateDir' | 'runDir'>): void {
  mkdirSync(stateDir, { recursive: true, mode: 0o700 })
  mkdirSync(runDir, { recursive: true })
}

/** What the agent's user runs: in the environment of anybody, or in that of one session. */
function agentsOf({ boot, machineBoot }: { boot: BootFile; machineBoot: string }, workspaceEnv: (session: SessionId | null) => Record<string, string>): { asAgent: AsAgent; asAgentOf: (session: SessionId) => AsAgent } {
  const programs = writeProgramsOnPath(boot)
  const asAgentOf = (session: SessionId | null): AsAgent => createAsAgent({ boot, machineBoot, workspaceEnv: () => workspaceEnv(session), programs, gitConfig: gitConfigPath(boot.runDir) })
  return { asAgent: asAgentOf(null), asAgentOf }
}

function startDaemon(options: { boot: BootFile; path: string; machineBoot: string; end: (code: number) => void }): { close(): Promise<void> } {
  const { boot, machineBoot } = options
  makePlaces(boot)
  const [journal, stop] = [openJournal({ path: join(boot.stateDir, 'journal.sqlite') }), new AbortController()]
  const context: DaemonContext = { boot, journal, machineBoot, log, signal: stop.signal }
  const lastAt: { input: number | null; preview: number | null } = { input: null, preview: null }
  const reportSoon = (): void => { link?.reportSoon() }

  const { asAgent, asAgentOf } = agentsOf(options, (session) => withOpencodeModels({ ...commits.environment(), ...ways.environment(session), ...gh.env(converger.assignment?.env), ...converger.assignment?.env }))
  const terminals = openTerminals({
    stateDir: boot.stateDir, machineBoot, user: boot.agentUser, log,
    changed: ({ terminalId, title, state }) => { journal.append({ type: 'terminal', terminalId, title, state }) },
  })
  const ssh = createSsh({ boot, asAgent, workspaceName: () => converger.assignment?.name ?? boot.workspaceId, log })
  const services = createServices({ asAgent, journal, workDir: boot.workDir, logDir: join(boot.stateDir, 'logs'), log })
  const openStream: Link['openStream'] = async (open, signal) => {
    if (link === null) throw new BerthError('server_unreachable', 'the link to the server is down')
    return link.openStream(open, signal)
  }
  const gh = createGh({ runDir: boot.runDir, owner: process.getuid?.() === 0 ? boot.agentUser : null, openStream })
  let gateway: Gateway | null = null
  const [reserved, since] = [new Set<number>(), createSince(journal)]
  const theGateway = (): Gateway => (gateway ??= openGateway({ openStream, kept: journal }))
  const commits = createCommitConfig({ runDir: boot.runDir, signUrl: () => theGateway().signUrl, self: selfCommand })
  const ways = createWays({ gateway: theGateway, openStream, kept: journal, log, direct: boot.env?.['NO_PROXY'] })
  const hostedUrl = async (): Promise<string> => theGateway().gitUrl
  const review = createReview({ since, asAgent, workDir: boot.workDir, journal, hostedUrl, agent: () => converger.driver, log })
  const mcp = createOwnMcp({
    context, assignment: () => converger.assignment, ports: () => ports.list(),
    say: (sessionId, prompt) => converger.say(sessionId, prompt),
    changed() {
      for (const driver of converger.sessions.all()) driver.askedElsewhere?.()
      reportSoon()
    },
  })
  const converger: Converger = createConverger({
    context: { ...context, journal: noticingTurnEnds(journal, review.turnEnded) }, asAgent, asAgentOf, terminals, services, mcp, changed: reportSoon,
    live: (piece) => link?.live(piece), reservePort: (port) => void reserved.add(port), renewals: createRenewals({ loginOf: (program) => loginFileOf(program, { boot, env: asAgent.environment() }), now: Date.now, log }),
    beginWith: (restore) => beginWith({ context: { ...context, journal }, asAgent, openStream }, restore), source: { hostedUrl, unpackArchive: (signal) => unpackArchive({ asAgent, openStream, workDir: boot.workDir }, signal) },
    bringProgram: createBringProgram({ toolboxDir: boot.toolboxDir, fetch: (path, stop) => fetchOverLink({ openStream }, path, stop), log }), driverFor: async (kind) => (await import('./services/agents/index.ts')).driverFor(kind),
  })
  // Processes and ports of its own, of which each belongs to this workspace; on a shared machine a mark tells.
  const whole = boot.isolation !== 'none'
  const daemonPids = new Set([process.pid, process.ppid])
  const isOurs = (entry: { pid: number }): boolean => !daemonPids.has(entry.pid) && (whole || carries(entry.pid, `${MACHINE_ENV}=${machineBoot}`))
  const load = createMachineLoad({ ownCgroup: whole && boot.isolation !== 'sandbox', isOurs })
  const ports = watchPorts({
    journal, changed: reportSoon, namesOf: (inodes) => holdersOf(asAgent, inodes), ignore: () => [...reserved, ...(gateway === null ? [] : [portOf(gateway.gitUrl)]), ...ways.ports(), ...wayOut(boot)],
    ...(whole ? {} : { owned: () => socketInodes(listProcesses().filter(isOurs).map((entry) => entry.pid)) }),
  })
  const signIns = createSignIns({ context, asAgent, terminals, agents: () => converger.assignment === null ? [] : [converger.assignment.agent.kind, ...(converger.assignment.sessions ?? []).map(({ kind }) => kind)], signedIn: (agent) => { void converger.tryAgain(agent).catch((cause: unknown) => { log(`sign-in: ${String(cause)}`) }) } })
  const onAssignment = (assignment: Assignment): void => {
    const { gitHosts: origins = [], gitForms: forms = {}, githubRepository } = assignment
    if (origins.length > 0 || gateway !== null) writeGitConfig({ runDir: boot.runDir, origins, forms, githubRepository, upstreamUrl: theGateway().upstreamUrl, proxyUrl: theGateway().proxyUrl })
    commits.apply(assignment.commits)
    gh.assigned(assignment.githubRepository)
    ways.apply(assignment, () => { converger.apply(assignment) })
  }

  // Handlers reach the link only when it calls them, after it is made.
  let link: Link | null = null
  link = createLink({
    context, journal, bootPath: options.path, tmux: findTmux() !== null,
    handlers: {
      onAssignment,
      calls: createCalls({
        context, converger, terminals, review, asAgent, ssh, signIns, files: createFiles({ asAgent, workDir: boot.workDir }), tree: createGitTree({ asAgent, workDir: boot.workDir, journal, hostedUrl }),
        saver: createSaver({ boot, asAgent, openStream, journal, assignment: () => converger.assignment, log }), link: () => ({ flush: (withinMs) => link?.flush(withinMs) ?? Promise.resolve(false) }),
        bootPath: options.path,
        secrets: () => journal.secrets,
        upgrade: (toolboxDir) => {
          writeFileSync(join(boot.stateDir, UPGRADE_FILE), toolboxDir, { mode: 0o600 })
          setTimeout(() => options.end(RUN_EXIT.upgrade), UPGRADE_AFTER_MS)
        },
      }),
      onStream: createStreams({ since, terminals, asAgent, ssh, workDir: boot.workDir, homeDir: boot.homeDir, log, humanInput: () => { lastAt.input = performance.now() }, previewTraffic: () => { lastAt.preview = performance.now() } }),
      activity: () => activity({ converger, load, ports: ports.list(), lastAt }),
      onRejected: () => options.end(RUN_EXIT.rejected),
    },
  })
  return {
    async close() {
      await link?.flush(FLUSH_AT_END_MS)
      stop.abort()
      // What changes files goes on by itself; waiting keeps its answer, for as long as an end may take.
      await Promise.race([review.settled(), Bun.sleep(FLUSH_AT_END_MS)])
      await mcp.close()
      await Promise.all(converger.sessions.all().map((driver) => driver.release()))
      signIns.close()
      services.release()
      terminals.close()
      ports.close()
      since.save()
      await Promise.all([gateway?.close(), gh.close()])
      await ways.close()
      await link?.close()
      journal.close()
    },
  }
}

function activity(from: { converger: Converger; load: MachineLoad; ports: number[]; lastAt: { input: number | null; preview: number | null } }): ActivityReport {
  const age = (at: number | null): number | null => (at === null ? null : performance.now() - at)
  return { ...from.converger.sessions.activity(), humanInputAgeMs: age(from.lastAt.input), previewAgeMs: age(from.lastAt.preview), cpuCores: from.load.cores(), memoryBytes: from.load.memoryBytes(), ports: from.ports }
}

const portOf = (url: string): number => Number(new URL(url).port)

/** The proxy's loopback port is the machine's, not the workspace's. */
function wayOut({ env }: BootFile): number[] {
  const proxy = env?.['HTTP_PROXY']
  return proxy === undefined || !URL.canParse(proxy) || new URL(proxy).hostname !== '127.0.0.1' ? [] : [portOf(proxy)]
}

/** The archive goes from the link straight into a process of the agent's user, which writes the files. */
async function unpackArchive(deps: { asAgent: AsAgent; openStream: Link['openStream']; workDir: string }, signal: AbortSignal): Promise<void> {
  const body = await fetchOverLink(deps, LINK_HTTP.archive, signal)
  const { argv, ...identity } = deps.asAgent.command(selfCommand('extract', deps.workDir))
  const child = Bun.spawn(argv, { cwd: deps.workDir, env: deps.asAgent.environment(), ...identity, stdin: body, stdout: 'ignore', stderr: 'pipe' })
  const [stderr, exitCode] = await Promise.all([new Response(child.stderr).text(), child.exited])
  if (exitCode !== 0) throw new BerthError('clone_refused', `the upload could not be unpacked: ${stderr.trim().slice(0, 1000)}`, { hint: 'run `berth up` again from the directory' })
}
