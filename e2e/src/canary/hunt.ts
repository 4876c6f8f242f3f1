/** Lets a hostile program loose in a workspace, and looks for secrets in all that it got hold of. */
import { createHash, randomBytes } from 'node:crypto'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { COMMAND, type Product } from '../product.ts'
import { formsOf } from '../secret-forms.ts'

/** `host-token in environment 12 sh`, for each place where one was met. */
export interface Find { readonly name: string; readonly from: string }
export interface Hunted {
  readonly finds: readonly Find[]
  /** Where it got something at all. */
  readonly places: readonly string[]
  readonly bytes: number
}
export interface Hunt {
  readonly product: Product
  readonly workspace: string
  /** Words that its program is started through: what makes it somebody else than the agent's user. */
  readonly by?: readonly string[]
  /** Directories that it leaves out, beside those of every machine: what is no file there. */
  readonly skipped?: readonly string[]
  /** By the names that a find is told with. */
  readonly secrets: Readonly<Record<string, string>>
  /** What a hostile program would guess or be told: no secrets. */
  readonly ports: readonly number[]
  readonly hosts: readonly string[]
  readonly repositories: readonly string[]
}

/** Where each planted one has to be met. Without all of them nothing is proved by what was not met. */
const PLANTED: Readonly<Record<string, RegExp>> = {
  history: /^file .*\.bash_history$/, 'git-config': /^(file .*\/config|settings .*)$/, 'git-object': /^(inflated file|objects) /, environment: /^environment \d+ sleep$/, arguments: /^arguments \d+ sh$/,
  memory: /^memory \d+ python/, socket: /^socket \//, abstract: /^socket @/, port: /^port 127\.0\.0\.1:/,
}
const PLANTED_FORMS = ['plain', 'base64-0', 'base64-1', 'base64-2', 'hex', 'HEX', 'url', 'reversed', 'utf-16', 'half-1', 'half-2']

export async function hunt(asked: Hunt): Promise<Hunted> {
  const seed = randomBytes(12).toString('hex')
  const planted = (place: string): string => createHash('sha256').update(seed + place).digest('hex').slice(0, 40)
  const dir = mkdtempSync(join(tmpdir(), 'berth-hunt-'))
  try {
    const taken = join(dir, 'taken')
    await letLoose(asked, { seed, taken })
    const named = Object.entries({ ...asked.secrets, ...Object.fromEntries([...Object.keys(PLANTED), 'form'].map((place) => [`planted ${place}`, planted(place)])) })
    const { finds, places } = lookThrough(taken, new Map(named.flatMap(([name, secret]) => lookedFor(secret).map((form) => [form, name] as const))), dir)
    for (const [place, from] of Object.entries(PLANTED)) {
      if (!finds.some((find) => find.name === `planted ${place}` && from.test(find.from))) throw new Error(`the search passes over what was planted as ${place}; it met: ${tell(finds.filter(({ name }) => name === `planted ${place}`))}`)
    }
    const missed = [...PLANTED_FORMS.map((form) => `form-${form}`), 'inflated'].filter((form) => !finds.some(({ name, from }) => name === 'planted form' && (form === 'inflated' ? from.startsWith('inflated file') : from.endsWith(form))))
    if (missed.length > 0) throw new Error(`the search passes over a secret as ${missed.join(', ')}`)
    if (!places.includes('end')) throw new Error('the hostile program did not come to its end')
    return { finds: finds.filter(({ name }) => !name.startsWith('planted')), places, bytes: statSync(taken).size }
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

/** Root keeps what the agent has in its environment: a thief would. */
export const AS_ROOT = ['sudo', '-n', '--preserve-env'] as const

/** The way out of a machine says itself that it lets nobody there, or knows no such name; a server of ours answers neither to whoever is not signed in. */
const REFUSED_ON_THE_WAY = /^network proxied .* \((?:403|502)\)$/
/** What answered it on the network, but for a cloud's metadata address: what stands there is the cloud's. */
export const serversIn = (places: readonly string[]): string[] => places.filter((place) => place.startsWith('network') && !place.startsWith('network 169.254.169.254:') && !REFUSED_ON_THE_WAY.test(place))

export const tell = (finds: readonly Find[]): string => finds.map(({ name, from }) => `${name} in ${from}`).join('; ') || 'nothing'

/** As the workspace's agent: its user, its environment, its walls. */
async function letLoose({ product, workspace, by = [], skipped = [], ports, hosts, repositories }: Hunt, { seed, taken }: { seed: string; taken: string }): Promise<void> {
  const config = JSON.stringify({ seed, skipped, ports, hosts, repositories })
  const program = `CONFIG = __import__('json').loads(${JSON.stringify(config)})\n${readFileSync(join(import.meta.dir, 'search.py'), 'utf8')}`
  writeFileSync(`${taken}.program`, program)
  const [stdin, stdout, stderr] = [openSync(`${taken}.program`, 'r'), openSync(taken, 'w'), openSync(`${taken}.said`, 'w')]
  const child = Bun.spawn([...COMMAND, 'run', workspace, '--', ...by, 'python3', '-'], { env: product.env, cwd: product.home, stdin, stdout, stderr })
  const exitCode = await child.exited
  for (const file of [stdin, stdout, stderr]) closeSync(file)
  const said = readFileSync(`${taken}.said`, 'utf8')
  if (exitCode !== 0 || said !== '') throw new Error(`the hostile program failed (${exitCode}): ${said}`)
}

/** Halves by themselves too; short ones would be met by chance. */
function lookedFor(secret: string): string[] {
  const middle = Math.floor(secret.length / 2)
  const halves = [secret.slice(0, middle), secret.slice(middle)].filter((half) => half.length >= 12)
  return [...formsOf(secret), ...halves]
}

const MARK = '@@from '
/** In one pass by grep. Without zero bytes, UTF-16 is as plain as the rest. */
function lookThrough(taken: string, forms: ReadonlyMap<string, string>, dir: string): { finds: Find[]; places: string[] } {
  const [plain, list] = [join(dir, 'plain'), join(dir, 'forms')]
  writeFileSync(list, [...forms.keys()].join('\n'))
  run(['sh', '-c', 'tr -d "\\0" < "$0" > "$1"', taken, plain])
  const lines = (argv: string[]): [number, string][] => run(argv).split('\n').filter(Boolean).map((line) => [Number(line.slice(0, line.indexOf(':'))), line.slice(line.indexOf(':') + 1)])
  const headers = lines(['grep', '-aboE', `^${MARK}.*`, plain]).map(([at, line]) => [at, line.slice(MARK.length)] as const)
  const met = new Map<string, Find>()
  for (const [at, form] of lines(['grep', '-aboF', '-f', list, plain])) {
    const find = { name: forms.get(form) ?? form, from: lastBefore(headers, at) }
    met.set(tell([find]), find)
  }
  return { finds: [...met.values()], places: headers.map(([, from]) => from) }
}

function lastBefore(headers: readonly (readonly [number, string])[], at: number): string {
  let [low, high] = [0, headers.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((headers[middle]?.[0] ?? 0) <= at) low = middle + 1
    else high = middle
  }
  return headers[low - 1]?.[1] ?? 'nowhere'
}

function run(argv: string[]): string {
  const { stdout, stderr, exitCode } = Bun.spawnSync(argv, { env: { PATH: process.env['PATH'] ?? '', LC_ALL: 'C' }, maxBuffer: 256 * 1024 * 1024 })
  // 1: nothing was met.
  if (exitCode > 1) throw new Error(`${argv[0]}: ${stderr.toString()}`)
  return stdout.toString('latin1')
}
