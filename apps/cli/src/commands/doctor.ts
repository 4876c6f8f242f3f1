import { statfs } from 'node:fs/promises'
import { createClient, type Output } from '@berth/client'
import { VERSION } from '@berth/wire/version'
import { cleanLine } from '../clean.ts'
import { command, none } from '../command.ts'
import type { Context } from '../context.ts'
import { table } from '../io.ts'
import { remoteEndpoint } from '../server-process/connect.ts'
import { findServer, readToken } from '../server-process/find.ts'
import { bytes, duration } from '../words.ts'

type Level = 'ok' | 'note' | 'bad'
interface Check { readonly name: string; readonly level: Level; readonly found: string; readonly hint: string | null }

/** Tools of this machine: what for, and whether Berth can do without. */
const TOOLS: readonly { name: string; argv: readonly string[]; needed: boolean; without: string }[] = [
  { name: 'git', argv: ['git', '--version'], needed: true, without: 'install git' },
  { name: 'tar', argv: ['tar', '--version'], needed: true, without: 'install tar; plain directories travel by it' },
  { name: 'node', argv: ['node', '--version'], needed: false, without: 'only the first ./berth of a checkout needs it' },
  { name: 'docker', argv: ['docker', '--version'], needed: false, without: 'install Docker for containers; `local` works without' },
  { name: 'tmux', argv: ['tmux', '-V'], needed: false, without: "terminals use Berth's own holder" },
  { name: 'bwrap', argv: ['bwrap', '--version'], needed: false, without: 'install bubblewrap, or `local` cannot separate agents from you' },
  { name: 'socat', argv: ['socat', '-V'], needed: false, without: 'install socat; the sandbox of `local` uses it' },
  { name: 'zstd', argv: ['zstd', '--version'], needed: false, without: 'Berth has its own' },
]
const DISK_LOW = 2 * 1024 ** 3

export const doctor = command({
  name: 'doctor',
  summary: 'Check this machine and the server, and show every deadline',
  examples: ['berth doctor', 'berth doctor --json'],
  parse: ({ positionals }) => none(positionals, 'doctor'),
  async run(context) {
    const tools = await Promise.all(TOOLS.map(checkTool))
    const disk = await checkDisk(context.home)
    const server = await checkServer(context)
    const checks = [{ name: 'berth', level: 'ok', found: `${VERSION}, bun ${Bun.version}, ${process.platform}-${process.arch}`, hint: null } satisfies Check, ...tools, disk, ...server.checks]
    const bad = checks.some(({ level }) => level === 'bad')
    if (bad) context.exitWith(1)
    if (context.json) return context.io.out(JSON.stringify({ ok: !bad, checks, deadlines: server.deadlines }))
    show(context, checks, server.deadlines)
  },
})

async function checkTool(tool: (typeof TOOLS)[number]): Promise<Check> {
  const missing: Check = { name: tool.name, level: tool.needed ? 'bad' : 'note', found: 'missing', hint: tool.without }
  if (!Bun.which(tool.argv[0] ?? '')) return missing
  const child = Bun.spawn([...tool.argv], { stdin: 'ignore', stdout: 'pipe', stderr: 'pipe', timeout: 5000 })
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()])
  if ((await child.exited) !== 0) return { ...missing, found: 'does not run' }
  const version = `${out}\n${err}`.match(/v?(\d+\.\d+[\w.-]*)/)?.[1]
  return { name: tool.name, level: 'ok', found: version ?? 'there', hint: null }
}

async function checkDisk(home: string): Promise<Check> {
  for (let path = home; ; path = path.slice(0, path.lastIndexOf('/')) || '/') {
    const found = await statfs(path).catch(() => null)
    if (!found && path !== '/') continue
    const free = found ? Number(found.bavail) * Number(found.bsize) : 0
    return { name: 'disk', level: free < DISK_LOW ? 'bad' : 'ok', found: `${bytes(free)} free for ${home}`, hint: free < DISK_LOW ? 'free some space; a workspace needs a few GB' : null }
  }
}

async function checkServer(context: Context): Promise<{ checks: Check[]; deadlines: Record<string, number> }> {
  try {
    const remote = await remoteEndpoint(context)
    const found = await findServer(context.home)
    if (!remote && found.kind !== 'running') return { checks: [{ name: 'server', level: 'note', found: found.kind === 'silent' ? `pid ${found.file.pid} does not answer` : 'not running', hint: 'any command that needs it starts it' }], deadlines: {} }
    const client = createClient(remote ?? { url: found.kind === 'running' ? found.file.url : '', token: await readToken(context.home) })
    const info = await client.server(undefined, context.signal)
    const providers = await client.listProviders(undefined, context.signal)
    // An older server, and one that this person does not run, say nothing of themselves.
    const own = (await client.checkServer(undefined, context.signal).catch(() => [])).map((check): Check => ({ ...check, name: cleanLine(check.name), found: cleanLine(check.found, 300), hint: check.hint === null ? null : cleanLine(check.hint) }))
    const server: Check = { name: 'server', level: info.reaperHeld === null ? 'ok' : 'note', found: `${info.version} at ${info.url}, ${info.database} database, ${bytes(info.memoryBytes)}`, hint: info.reaperHeld === null ? null : `the reaper is held: ${cleanLine(info.reaperHeld)}` }
    return { checks: [server, ...own, await checkPublic(info, context.signal), ...providers.map(providerCheck), ...providers.flatMap((provider) => imagesCheck(provider, info.deadlines))], deadlines: info.deadlines }
  } catch (error) {
    return { checks: [{ name: 'server', level: 'bad', found: error instanceof Error ? cleanLine(error.message) : 'unknown', hint: '`berth server logs` says more' }], deadlines: {} }
  }
}

const PUBLIC_WITHIN_MS = 8000
const DEGRADED = 'without https a phone gets no notifications, installs nothing and keeps nothing offline; see docs/phone.md'

/** Asks by the public address who answers there: only this very server knows its installation's name. */
export async function checkPublic({ publicUrl, installation }: Pick<Output<'server'>, 'publicUrl' | 'installation'>, signal: AbortSignal): Promise<Check> {
  const name = 'public address'
  if (!publicUrl) return { name, level: 'note', found: 'none', hint: `reachable from this machine only; \`berth serve --public <url>\`. ${DEGRADED}` }
  const shown = cleanLine(publicUrl)
  const bad = (found: string, hint: string): Check => ({ name, level: 'bad', found: `${shown} ${found}`, hint })
  const astray = 'let the tunnel or proxy lead to the address of this server'
  try {
    const response = await fetch(new URL('/health', publicUrl), { redirect: 'manual', signal: AbortSignal.any([signal, AbortSignal.timeout(PUBLIC_WITHIN_MS)]) })
    if (response.status >= 300 && response.status < 400) return bad(`sends elsewhere (HTTP ${response.status})`, 'a sign-in page in front of it? notifications and the installed app need a way around it')
    const health = (await response.json().catch(() => null)) as { installation?: unknown } | null
    if (typeof health?.installation !== 'string') return bad(`is answered by something else (HTTP ${response.status})`, astray)
    if (health.installation !== installation) return bad('leads to another Berth server', astray)
  } catch (error) {
    return bad(`does not answer (${error instanceof Error ? cleanLine(error.name) : 'unknown'})`, 'is the tunnel up, and its name known to this machine? see docs/phone.md')
  }
  const secure = publicUrl.startsWith('https:')
  return { name, level: secure ? 'ok' : 'note', found: `${shown} leads here`, hint: secure ? null : DEGRADED }
}

function providerCheck(provider: Output<'listProviders'>[number]): Check {
  const level = provider.status === 'ready' ? (provider.isolation === 'none' ? 'note' : 'ok') : 'note'
  return { name: `provider ${provider.name}`, level, found: `${provider.status}, isolation: ${provider.isolation}${provider.detail ? `; ${cleanLine(provider.detail, 120)}` : ''}`, hint: provider.hint === null ? null : cleanLine(provider.hint) }
}

/** What was built for projects: kept so that their next machine is quick, until nobody comes for it. */
function imagesCheck({ name, images }: Output<'listProviders'>[number], deadlines: Record<string, number>): Check[] {
  if (images === undefined || images.count === 0) return []
  const kept = deadlines['projectImageUnused']
  return [{ name: `${name} images`, level: 'ok', found: `${images.count} made for projects, ${bytes(images.sizeBytes)}${kept === undefined ? '' : `; removed when unused for ${duration(kept)}`}`, hint: null }]
}

function show({ io }: Context, checks: readonly Check[], deadlines: Record<string, number>): void {
  const mark = { ok: io.style.green('✓'), note: io.style.dim('○'), bad: io.style.red('✗') }
  for (const line of table(checks.map(({ name, level, found, hint }) => [`${mark[level]} ${name}`, hint ? `${found}  ${io.style.dim(hint)}` : found]), io.columns)) io.out(line)
  const entries = Object.entries(deadlines)
  if (entries.length === 0) return
  io.out(`\n${io.style.bold('Deadlines')}`)
  for (const line of table(entries.map(([name, ms]) => [`  ${name}`, duration(ms)]))) io.out(line)
}
