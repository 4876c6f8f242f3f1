/**
 * A devcontainer.json as it comes from a repository that nobody has to trust: which of its keys the image is built from,
 * which ones the machine is made from, and which ones are left alone, each by its name with what to do instead.
 *
 * What would reach this host is never passed on: commands of the host, the engine's own options, binds, privileges.
 */
import { createNotes, type Ignored, type Notes } from './notes.ts'
import { placeOf } from './places.ts'

export interface Configuration {
  /** For the build, with nothing in it that reaches the host. Null: it says no image. */
  readonly build: Readonly<Record<string, unknown>> | null
  /** What of the code the build reads: '' is all of it. */
  readonly reads: readonly string[]
  /** Paths of keys that do something. */
  readonly used: readonly string[]
  readonly ignored: readonly Ignored[]
  readonly shape: Shape
}
/** What this file itself says of the container, beyond what the image's own metadata repeats. */
export interface Shape { readonly capAdd: readonly string[]; readonly shmSizeBytes: number | null; readonly appPorts: readonly number[]; readonly folder: string | null }

type Json = Readonly<Record<string, unknown>>
const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)
const strings = (value: unknown): string[] => (Array.isArray(value) ? value.filter((one): one is string => typeof one === 'string') : [])

/** Passed to the build as they are: they end in the image's metadata, and the machine is made from that. */
const METADATA = ['features', 'overrideFeatureInstallOrder', 'onCreateCommand', 'updateContentCommand', 'postCreateCommand', 'postStartCommand', 'postAttachCommand', 'remoteUser', 'containerUser', 'containerEnv', 'remoteEnv', 'mounts', 'forwardPorts', 'portsAttributes'] as const
interface Form { readonly is: (value: unknown) => boolean; readonly what: string }
const isText = (value: unknown): value is string => typeof value === 'string'
const OBJECT: Form = { is: isObject, what: 'an object' }
const LIST: Form = { is: Array.isArray, what: 'a list' }
const NAME: Form = { is: isText, what: 'a name' }
const isCommand = (value: unknown): boolean => isText(value) || (Array.isArray(value) && value.every(isText))
const COMMAND: Form = { is: (value) => isCommand(value) || (isObject(value) && Object.values(value).every(isCommand)), what: 'a command' }
/** What has another form would be passed over by the build without a word. */
const TAKES: Readonly<Record<(typeof METADATA)[number], Form>> = {
  features: OBJECT, overrideFeatureInstallOrder: LIST, containerEnv: OBJECT, remoteEnv: OBJECT, mounts: LIST, forwardPorts: LIST, portsAttributes: OBJECT, remoteUser: NAME, containerUser: NAME,
  onCreateCommand: COMMAND, updateContentCommand: COMMAND, postCreateCommand: COMMAND, postStartCommand: COMMAND, postAttachCommand: COMMAND,
}
const QUIET = ['$schema', 'name', 'init', 'image', 'build', 'dockerFile', 'context', 'updateRemoteUserUID', 'waitFor', 'overrideCommand'] as const
export const SAFE_CAPABILITIES: readonly string[] = ['SYS_PTRACE']
export const IMAGE = /^[a-zA-Z0-9][\w./:@-]{0,254}$/
const REGISTRY_FEATURE = /^[a-z0-9][a-z0-9.-]*\.[a-z]{2,}\/[\w./-]+(?:[:@][\w.:-]+)?$/i

const LEFT_ALONE: Readonly<Record<string, string>> = {
  customizations: 'settings of an editor: install its extensions in yours',
  hostRequirements: 'give the machine its size with --size, --memory or --cpus',
  workspaceMount: 'the code is in a volume of the machine, at /workspace',
  shutdownAction: 'the machine stops when it is idle (--auto-stop)',
  otherPortsAttributes: 'every port that listens has a private preview',
  userEnvProbe: 'a terminal is a login shell; commands get remoteEnv',
  secrets: 'give them with --secret NAME=file or --env NAME',
  dockerComposeFile: 'its services could not be read',
  service: 'belongs to dockerComposeFile',
  runServices: 'belongs to dockerComposeFile',
}
const UNSAFE: Readonly<Record<string, string>> = {
  initializeCommand: 'it would run on the host: run it yourself, or make it an onCreateCommand',
  privileged: 'it would own the host: a repository cannot ask for that; a person gets Docker for it with `berth up --docker`',
  entrypoint: 'the machine starts with its daemon: make it a postStartCommand',
}

export function readConfiguration(config: Json, place: { path: string }): Configuration {
  const notes = createNotes()
  const own = dirOf(place.path)
  const build: Record<string, unknown> = {}
  const reads = new Set<string>([own === '' ? place.path : '.devcontainer'])
  for (const [key, value] of Object.entries(config)) sortKey(key, value, notes)
  for (const key of METADATA) {
    if (config[key] === undefined) continue
    const { is, what } = TAKES[key]
    if (is(config[key])) build[key] = config[key]
    else notes.ignore(key, `it is not ${what}`)
  }
  if (build['features'] !== undefined) build['features'] = featuresOf(config['features'], own, notes)
  if (build['mounts'] !== undefined) build['mounts'] = mountsOf(config['mounts'], notes)
  for (const [port, given] of Object.entries(isObject(config['portsAttributes']) ? config['portsAttributes'] : {})) {
    for (const name of isObject(given) ? Object.keys(given) : []) if (name !== 'label') notes.ignore(`portsAttributes.${port}.${name}`, 'of a port its label is used')
  }
  const hasImage = imageOf(config, { own, build, reads, notes })
  const shape = shapeOf(config, notes)
  return {
    build: hasImage ? { ...build, workspaceFolder: '/workspace', workspaceMount: '' } : null,
    reads: reads.has('') ? [''] : [...reads],
    used: notes.used.filter((key) => !notes.ignored.some((one) => one.key === key)), ignored: notes.ignored, shape,
  }
}

const ELSEWHERE = ['capAdd', 'securityOpt', 'runArgs', 'appPort', 'workspaceFolder']
const KNOWN: readonly string[] = [...METADATA, ...QUIET]
function sortKey(key: string, value: unknown, notes: Notes): void {
  if (Object.hasOwn(UNSAFE, key)) {
    if (value === false) notes.use(key)
    else notes.unsafe(key, UNSAFE[key] ?? '')
  } else if (Object.hasOwn(LEFT_ALONE, key)) leaveAlone(notes, key, value)
  else if (KNOWN.includes(key)) notes.use(key)
  else if (!ELSEWHERE.includes(key)) notes.ignore(key, 'Berth does not know it')
}

/** An object of settings is named by what is in it, so that people find theirs. */
function leaveAlone(notes: Notes, key: string, value: unknown): void {
  const inside = isObject(value) && (key === 'customizations' || key === 'hostRequirements') ? Object.keys(value) : []
  if (inside.length === 0) notes.ignore(key, LEFT_ALONE[key] ?? '')
  for (const name of inside) notes.ignore(`${key}.${name}`, LEFT_ALONE[key] ?? '')
}

interface Into { readonly own: string; readonly build: Record<string, unknown>; readonly reads: Set<string>; readonly notes: Notes }

/** True: there is something to make an image from. */
function imageOf(config: Json, into: Into): boolean {
  const { build, notes } = into
  const given = config['build']
  const dockerfile = isObject(given) ? given['dockerfile'] : config['dockerFile']
  if (dockerfile !== undefined) return dockerfileOf(config, { dockerfile, given: isObject(given) ? given : {} }, into)
  if (isObject(given)) for (const key of Object.keys(given)) notes.ignore(`build.${key}`, 'there is no build.dockerfile')
  if (config['image'] === undefined) return false
  if (typeof config['image'] !== 'string' || !IMAGE.test(config['image'])) {
    notes.ignore('image', 'it is not the name of an image')
    return false
  }
  build['image'] = config['image']
  return true
}

function dockerfileOf(config: Json, { dockerfile, given }: { dockerfile: unknown; given: Json }, { own, build, reads, notes }: Into): boolean {
  const contextKey = given['context'] !== undefined ? 'build.context' : 'context'
  const wanted = given['context'] ?? config['context'] ?? '.'
  const file = typeof dockerfile === 'string' ? inside(own, dockerfile) : null
  const context = typeof wanted === 'string' ? inside(own, wanted) : null
  if (file === null) notes.unsafe(isObject(config['build']) ? 'build.dockerfile' : 'dockerFile', 'it is not a path in the project')
  if (context === null) notes.unsafe(contextKey, 'it is not a path in the project')
  const clean = buildOf(given, notes)
  if (file === null || context === null) return false
  for (const key of ['dockerfile', 'context']) if (given[key] !== undefined) notes.use(`build.${key}`)
  build['build'] = { ...clean, dockerfile, context: wanted }
  for (const path of [dirOf(file), context]) reads.add(path)
  return true
}

/** Of `build`, what is neither the file nor its surroundings. */
function buildOf(given: Json, notes: Notes): Json {
  const clean: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(given)) {
    if (key === 'dockerfile' || key === 'context') continue
    const name = `build.${key}`
    if (key === 'args' && isObject(value)) clean['args'] = Object.fromEntries(Object.entries(value).filter(([, one]) => typeof one === 'string'))
    else if (key === 'target' && typeof value === 'string' && /^[A-Za-z0-9][\w.-]*$/.test(value)) clean['target'] = value
    else if (key === 'options') notes.unsafe(name, 'options of the engine reach the host: write what is needed into the Dockerfile')
    else notes.ignore(name, key === 'cacheFrom' ? 'the engine keeps its own cache' : 'Berth does not know it')
    if (key in clean) notes.use(name)
  }
  return clean
}

function featuresOf(value: unknown, own: string, notes: Notes): Json {
  if (!isObject(value)) return {}
  const kept = Object.entries(value).filter(([name]) => {
    const safe = /^\.\.?\//.test(name) ? (inside(own, name) ?? '').startsWith('.devcontainer/') : REGISTRY_FEATURE.test(name)
    if (!safe) notes.unsafe(`features.${name}`, 'a feature is one of a registry, or a directory below .devcontainer')
    return safe
  })
  return Object.fromEntries(kept)
}

export interface Mount { readonly type: string; readonly source: string | null; readonly target: string }

export function readMount(value: unknown): Mount | null {
  const parts: Json = typeof value === 'string'
    ? Object.fromEntries(value.split(',').map((part) => { const at = part.indexOf('='); return at < 0 ? [part.trim(), true] : [part.slice(0, at).trim(), part.slice(at + 1).trim()] }))
    : isObject(value) ? value : {}
  const first = (...keys: string[]): string | null => keys.map((key) => parts[key]).find((one): one is string => typeof one === 'string' && one !== '') ?? null
  const target = first('target', 'destination', 'dst')
  return target === null ? null : { type: first('type') ?? 'volume', source: first('source', 'src'), target }
}

const TAKEN = ['/workspace', '/opt/berth', '/var/lib/berth', '/proc', '/sys', '/dev', '/run', '/etc', '/usr', '/bin', '/lib', '/lib64', '/sbin']
/** Null: it may be mounted. */
export function whyNoMount(mount: Mount | null): { why: string; unsafe: boolean } | null {
  if (mount === null) return { why: 'it has no target', unsafe: false }
  if (/docker\.sock|containerd\.sock|podman\.sock/.test(mount.source ?? '')) return { why: "the engine's socket owns the host: a repository cannot ask for that; `berth up --docker` gives the machine an engine of its own", unsafe: true }
  if (mount.type === 'bind') return { why: 'a repository cannot mount what is on the host', unsafe: true }
  if (mount.type !== 'volume' && mount.type !== 'tmpfs') return { why: `there are no mounts of type ${mount.type}`, unsafe: true }
  return whyNoTarget(mount.target.replaceAll('${containerWorkspaceFolder}', '/workspace').replaceAll(/\$\{[^}]*\}/g, 'x'))
}

const TARGET_LIMIT = 90
export function whyNoTarget(written: string): { why: string; unsafe: boolean } | null {
  const target = placeOf(written)
  if (!target.startsWith('/') || written.split('/').includes('..') || target.length > TARGET_LIMIT) return { why: 'its target is not a path in the machine', unsafe: true }
  const covers = (one: string, other: string): boolean => one === other || other.startsWith(one === '/' ? '/' : `${one}/`)
  // A cache may lie in the tree of the code; nothing may lie in what is the daemon's or the system's, or over it.
  const taken = TAKEN.some((place) => covers(target, place) || (place !== '/workspace' && covers(place, target)))
  return taken ? { why: 'that place belongs to the machine', unsafe: true } : null
}

function mountsOf(value: unknown, notes: Notes): unknown[] {
  if (!Array.isArray(value)) return []
  return value.filter((one) => {
    const no = whyNoMount(readMount(one))
    if (no !== null) (no.unsafe ? notes.unsafe : notes.ignore)(`mounts: ${typeof one === 'string' ? one : JSON.stringify(one)}`, no.why)
    return no === null
  })
}

function shapeOf(config: Json, notes: Notes): Shape {
  const capAdd: string[] = []
  for (const key of ['capAdd', 'securityOpt', 'runArgs', 'appPort']) if (config[key] !== undefined) notes.use(key)
  const rights: Rights = {
    add(name, key) {
      const plain = name.toUpperCase().replace(/^CAP_/, '')
      if (SAFE_CAPABILITIES.includes(plain)) capAdd.push(plain)
      else notes.unsafe(key, 'a right over the host: a repository cannot ask for that')
    },
  }
  for (const name of strings(config['capAdd'])) rights.add(name, `capAdd: ${name}`)
  for (const option of strings(config['securityOpt'])) if (!NO_NEW.test(option)) notes.unsafe(`securityOpt: ${option}`, 'it weakens what keeps the machine apart; debuggers work without it')
  const shmSizeBytes = runArgsOf(strings(config['runArgs']), rights, notes)
  const given = config['appPort']
  const appPorts = (Array.isArray(given) ? given : [given]).map((one: unknown) => Number(String(one).split(':').at(-1))).filter(isPort)
  return { capAdd, shmSizeBytes, appPorts, folder: folderOf(config['workspaceFolder'], notes) }
}

interface Rights { add(name: string, key: string): void }
interface Arg { readonly flag: string; readonly value: string | undefined; readonly shown: string }
const NO_NEW = /^no-new-privileges(?:[:=]true)?$/

/** The size of shared memory, the one thing of them that stays in the machine. */
function runArgsOf(runArgs: readonly string[], rights: Rights, notes: Notes): number | null {
  let shmSizeBytes: number | null = null
  for (const { flag, value, shown } of argsIn(runArgs)) {
    if (flag === '--init' || (flag === '--security-opt' && NO_NEW.test(value ?? ''))) continue
    if (flag === '--cap-add') rights.add(value ?? '', shown)
    else if (flag === '--shm-size' && sizeBytes(value) !== null) shmSizeBytes = sizeBytes(value)
    else if (flag === '-e' || flag === '--env') notes.ignore(shown, 'say it in containerEnv')
    else notes.unsafe(shown, 'an option of the engine: a repository cannot ask for it')
  }
  return shmSizeBytes
}

/** `--flag=value`, or a flag and what follows it. */
function argsIn(runArgs: readonly string[]): Arg[] {
  const args: Arg[] = []
  for (let at = 0; at < runArgs.length; at++) {
    const arg = runArgs[at] ?? ''
    const equals = arg.startsWith('--') ? arg.indexOf('=') : -1
    const next = runArgs[at + 1]
    if (equals > 0) args.push({ flag: arg.slice(0, equals), value: arg.slice(equals + 1), shown: `runArgs: ${arg}` })
    else if (next === undefined || next.startsWith('-')) args.push({ flag: arg, value: undefined, shown: `runArgs: ${arg}` })
    else {
      args.push({ flag: arg, value: next, shown: `runArgs: ${arg} ${next}` })
      at++
    }
  }
  return args
}

/** The code is at /workspace; another name for it becomes a link there. */
function folderOf(value: unknown, notes: Notes): string | null {
  if (value === undefined) return null
  const link = typeof value === 'string' && /^\/workspaces\/[\w.-]{1,60}$/.test(value) ? value : null
  if (value === '/workspace' || link !== null) notes.use('workspaceFolder')
  else notes.ignore('workspaceFolder', 'the code is at /workspace')
  return link
}

export const isPort = (port: number): boolean => Number.isInteger(port) && port >= 1 && port <= 65535

const SHM_LIMIT_BYTES = 2 * 1024 ** 3
function sizeBytes(text: string | undefined): number | null {
  const [, digits, unit = ''] = /^(\d{1,6})([kmg]?)b?$/i.exec(text ?? '') ?? []
  if (digits === undefined) return null
  const bytes = Number(digits) * ({ k: 1024, m: 1024 ** 2, g: 1024 ** 3 }[unit.toLowerCase()] ?? 1)
  return bytes > 0 && bytes <= SHM_LIMIT_BYTES ? bytes : null
}

const dirOf = (path: string): string => path.split('/').slice(0, -1).join('/')

/** The path from the root of the code, or null when it is none in it. */
function inside(from: string, path: string): string | null {
  if (path.startsWith('/') || path.includes('\0') || path.includes('\\') || path.includes('${')) return null
  const parts: string[] = []
  for (const part of [...from.split('/'), ...path.split('/')]) {
    if (part === '' || part === '.') continue
    if (part !== '..') parts.push(part)
    else if (parts.pop() === undefined) return null
  }
  return parts.join('/')
}
