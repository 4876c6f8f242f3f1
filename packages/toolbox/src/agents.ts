/** Agents are fetched once per host, by pinned version, with bun itself as the installer: no registry is named here. */
import { randomBytes } from 'node:crypto'
import { chmod, mkdir, readdir, rename, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BerthError } from '@berth/wire'
import { AGENT_KINDS, AGENT_PROGRAMS, NODE_RUNTIME, type AgentProgram, type AgentProgramName } from '@berth/wire/agents'
import { runBun } from './bun-run.ts'
import { exists } from './daemon-build.ts'
import { makeReadableDir } from './readable-dir.ts'
import { hostTarget, packagePlatform, type Target } from './targets.ts'

export type AgentName = AgentProgramName
interface Fetch { readonly dir: string; readonly version: string; readonly target: Target; readonly onProgress: (line: string) => void }
/** One package that is put below `<dir>/agents`. */
interface Piece {
  readonly name: string
  readonly entry: string
  /** The package, and its version where that has the platform in it. Null: nothing is published for that platform. */
  readonly published: (version: string, target: Target) => { name: string; version: string } | null
  /** Where the entry stands in the package, when it stands elsewhere. */
  readonly found?: (target: Target) => string
  /** How it says its version. Scripts are asked through their runtime. */
  readonly environment?: Record<string, string>
}

const VERIFY_TIMEOUT_MS = 30_000

/** No package of theirs says which C library it wants: the names do. */
const musl = (target: Target): boolean => target.endsWith('-musl')
const CODEX_TRIPLES: Partial<Record<string, string>> = {
  'linux-x64': 'x86_64-unknown-linux-musl', 'linux-arm64': 'aarch64-unknown-linux-musl', 'darwin-x64': 'x86_64-apple-darwin', 'darwin-arm64': 'aarch64-apple-darwin',
}
/** Codex is linked to no C library of the machine. */
const codexPlatform = (target: Target): string => packagePlatform(target).replace('-musl', '')

const PIECES: Readonly<Record<AgentName | 'node', Piece>> = {
  claude: {
    name: 'claude', entry: AGENT_PROGRAMS.claude.entry, environment: { DISABLE_AUTOUPDATER: '1' },
    published: (version, target) => ({ name: `@anthropic-ai/claude-code-${packagePlatform(target)}`, version }),
  },
  codex: {
    name: 'codex', entry: AGENT_PROGRAMS.codex.entry,
    published: (version, target) => (CODEX_TRIPLES[codexPlatform(target)] === undefined ? null : { name: '@openai/codex', version: `${version}-${codexPlatform(target)}` }),
    found: (target) => `vendor/${CODEX_TRIPLES[codexPlatform(target)] ?? ''}/bin/codex`,
  },
  opencode: {
    name: 'opencode', entry: AGENT_PROGRAMS.opencode.entry, environment: { OPENCODE_DISABLE_AUTOUPDATE: '1', OPENCODE_DISABLE_MODELS_FETCH: '1' },
    // The one build that does not need AVX2 is a package of its own.
    published: (version, target) => ({ name: `opencode-${target}`, version }),
  },
  gemini: { name: 'gemini', entry: AGENT_PROGRAMS.gemini.entry, published: (version) => ({ name: '@google/gemini-cli', version }) },
  qwen: { name: 'qwen', entry: AGENT_PROGRAMS.qwen.entry, published: (version) => ({ name: '@qwen-code/qwen-code', version }) },
  copilot: {
    name: 'copilot', entry: AGENT_PROGRAMS.copilot.entry, environment: { COPILOT_AUTO_UPDATE: 'false' },
    published: (version, target) => ({ name: `@github/copilot-${packagePlatform(target).replace(/^linux-(\w+)-musl$/, 'linuxmusl-$1')}`, version }),
  },
  node: { name: 'node', entry: NODE_RUNTIME.entry, published: (version, target) => (musl(target) ? null : { name: `node-${packagePlatform(target)}`, version }) },
}

/** The path on this host of the agent's entry; its runtime is fetched with it. */
export async function fetchAgent(agent: AgentName, fetch: Fetch, signal: AbortSignal): Promise<string> {
  const { runtime }: AgentProgram = AGENT_PROGRAMS[agent]
  const node = runtime === null ? null : await fetchPiece(PIECES.node, { ...fetch, version: NODE_RUNTIME.version }, { signal, runtime: null })
  return fetchPiece(PIECES[agent], fetch, { signal, runtime: node })
}
export const pinnedVersion = (agent: AgentName): string => AGENT_PROGRAMS[agent].version

/** The newest version that is published for this host; null: the registry does not say. */
export async function latestAgent(agent: AgentName, signal: AbortSignal): Promise<string | null> {
  const published = PIECES[agent].published(pinnedVersion(agent), hostTarget())
  if (published === null) return null
  const lines: string[] = []
  await runBun({ args: ['info', published.name, 'version'], cwd: tmpdir(), what: `asking for the newest ${agent}`, onLine: (line) => lines.push(line) }, signal)
  return lines.map((line) => /^(\d+\.\d+\.\d+)$/.exec(line)?.[1]).find((version) => version !== undefined) ?? null
}

async function fetchPiece(piece: Piece, { dir, version, target, onProgress }: Fetch, run: { signal: AbortSignal; runtime: string | null }): Promise<string> {
  if (!/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version)) {
    throw new BerthError('bad_request', `'${version}' is not a version of ${piece.name}`, { hint: 'give a full version such as 2.1.329' })
  }
  const native = packagePlatform(target) === packagePlatform(hostTarget())
  const home = join(dir, 'agents', native ? `${piece.name}-${version}` : `${piece.name}-${version}-${packagePlatform(target)}`)
  const entry = join(home, piece.entry)
  if (await exists(entry)) return entry
  const published = piece.published(version, target)
  if (published === null) {
    const users = Object.entries(AGENT_PROGRAMS).filter(([, program]) => program.runtime === piece.name).map(([name]) => AGENT_KINDS[name as AgentName].title)
    throw new BerthError('image_unsupported', `${piece.name} is not published for ${packagePlatform(target)}${users.length === 0 ? '' : `, and ${users.join(' and ')} need it`}`, { hint: 'use an image with glibc, or another agent (claude, opencode)' })
  }
  await makeReadableDir(join(dir, 'agents'))
  const staging = join(dir, 'agents', `.staging-${randomBytes(6).toString('hex')}`)
  await mkdir(staging)
  try {
    onProgress(`fetching ${piece.name} ${version} for ${packagePlatform(target)}`)
    const startedAt = performance.now()
    await install(staging, `${published.name}@${published.version}`, { onProgress, signal: run.signal })
    const fetched = join(staging, 'node_modules', published.name)
    await place(piece, fetched, target)
    if (native) await verify(piece, { executable: join(fetched, piece.entry), version, runtime: run.runtime }, run.signal)
    await rename(fetched, home).catch(async (error: unknown) => {
      if (!(await exists(entry))) throw error
    })
    onProgress(`${piece.name} ${version} is ready (${((performance.now() - startedAt) / 1000).toFixed(1)} s)`)
    return entry
  } finally {
    await rm(staging, { recursive: true, force: true })
  }
}

/** The entry where the daemon looks for it, and everything readable by every user of the host. */
async function place(piece: Piece, fetched: string, target: Target): Promise<void> {
  const found = piece.found?.(target)
  if (found !== undefined) await symlink(found, join(fetched, piece.entry))
  await makeReadable(fetched)
  await chmod(join(fetched, piece.entry), 0o755)
}
async function makeReadable(dir: string): Promise<void> {
  await chmod(dir, 0o755)
  for (const entry of await readdir(dir, { withFileTypes: true })) {
    const path = join(dir, entry.name)
    if (entry.isDirectory()) await makeReadable(path)
    else if (entry.isFile()) await chmod(path, /\/bin\/|\/vendor\//.test(path) ? 0o755 : 0o644)
  }
}

/** The installer's own cache keeps what was already fetched, so a second try goes on from there. Scripts never run. */
async function install(cwd: string, spec: string, run: { onProgress: (line: string) => void; signal: AbortSignal }): Promise<void> {
  await Bun.write(join(cwd, 'package.json'), '{"private":true}')
  // Copied, not linked: what is made readable here is not to change the installer's cache. What is optional is for
  // other platforms or for a desktop; a package for another platform is installed all the same: nothing here runs it.
  await runBun({ args: ['add', '--cwd', cwd, '--exact', '--ignore-scripts', '--omit=optional', '--backend=copyfile', '--cpu=*', '--os=*', spec], cwd, what: `fetching ${spec}`, onLine: run.onProgress }, run.signal)
}

async function verify(piece: Piece, { executable, version, runtime }: { executable: string; version: string; runtime: string | null }, signal: AbortSignal): Promise<void> {
  const child = Bun.spawn([...(runtime === null ? [] : [runtime]), executable, '--version'], {
    stdin: 'ignore', stdout: 'pipe', stderr: 'ignore', env: { PATH: '/usr/bin:/bin', HOME: '/nonexistent', ...piece.environment },
    signal: AbortSignal.any([signal, AbortSignal.timeout(VERIFY_TIMEOUT_MS)]),
  })
  const said = await new Response(child.stdout).text()
  await child.exited
  if (!new RegExp(`(^|[^\\d.])${version.replaceAll('.', '\\.')}(?!\\.?\\d)`).test(said)) {
    throw new BerthError('agent_unavailable', `${piece.name} ${version} answered '${said.trim().slice(0, 200)}' when asked for its version`, { hint: 'this host may not be able to run it; try another version' })
  }
}
