/** A service of a compose file as a container beside the machine: what of its wishes is done, and what is not, by name. */
import { posix } from 'node:path'
import { IMAGE, SAFE_CAPABILITIES, whyNoTarget } from '../configuration.ts'
import type { Notes } from '../notes.ts'
import { PROJECT_PARENT, PROJECT_ROOT } from './normalize.ts'

export interface Service {
  readonly name: string
  readonly image: string | null
  readonly build: ServiceBuild | null
  /** Of the project, copied when its image is made. */
  readonly files: readonly { readonly from: string; readonly to: string }[]
  readonly shape: ServiceShape
}
/** Paths in the project. */
export interface ServiceBuild { readonly context: string; readonly dockerfile: string; readonly args: Readonly<Record<string, string>>; readonly target: string | null }
export interface ServiceShape {
  /** Null: as the image has it. */
  readonly entrypoint: readonly string[] | null
  readonly command: readonly string[] | null
  readonly env: Readonly<Record<string, string>>
  readonly user: string | null
  readonly workingDir: string | null
  readonly stopSignal: string | null
  /** `name` null: its own, gone with it. */
  readonly volumes: readonly { readonly name: string | null; readonly target: string; readonly readOnly: boolean }[]
  /** Where the code of the machine is seen. */
  readonly code: readonly { readonly target: string; readonly readOnly: boolean }[]
  readonly tmpfs: readonly string[]
  readonly healthcheck: Readonly<Record<string, unknown>> | null
  readonly restart: boolean
  readonly aliases: readonly string[]
  readonly memoryBytes: number | null
  readonly cpus: number | null
  readonly shmSizeBytes: number | null
  readonly capAdd: readonly string[]
  /** Another service of the same network, as it is called there: `localhost` is the same for both. */
  readonly networkOf: string | null
  readonly after: readonly { readonly name: string; readonly condition: string }[]
  readonly ports: readonly number[]
}

export type Json = Readonly<Record<string, unknown>>
export const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)
export const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : [])
const strings = (value: unknown): string[] => list(value).filter((one): one is string => typeof one === 'string')
const text = (value: unknown): string | null => (typeof value === 'string' && value !== '' ? value : null)
const lists = (value: unknown): readonly string[] | null => (Array.isArray(value) ? strings(value) : null)

const USED = new Set(['image', 'build', 'command', 'entrypoint', 'environment', 'env_file', 'user', 'working_dir', 'volumes', 'tmpfs', 'healthcheck', 'restart', 'init', 'shm_size', 'depends_on', 'networks', 'expose', 'hostname', 'container_name', 'profiles', 'stop_signal', 'mem_limit', 'cpus', 'links', 'tty', 'stdin_open', 'pull_policy', 'labels'])
const READ_ELSEWHERE = new Set(['cap_add', 'security_opt', 'network_mode', 'ports', 'deploy'])
const LEFT_ALONE: Readonly<Record<string, string>> = {
  configs: 'copy it by a volume of the project', secrets: 'give secrets with --secret', logging: 'what it says is kept by Berth', extra_hosts: 'names are those of the services', dns: 'the machine has one resolver',
  ulimits: 'the limits are those of the engine', stop_grace_period: 'all have ten seconds', platform: 'the platform is that of the machine', mac_address: 'addresses are given', develop: 'nothing watches the code',
  cap_drop: 'it has few rights as it is', read_only: 'what it writes goes with it',
}
/** What would reach this host, or the engine's other containers. */
const UNSAFE = new Set(['privileged', 'devices', 'device_cgroup_rules', 'pid', 'ipc', 'userns_mode', 'uts', 'cgroup', 'cgroup_parent', 'volumes_from', 'sysctls', 'runtime', 'gpus', 'credential_spec', 'group_add', 'isolation', 'blkio_config', 'oom_score_adj', 'external_links'])
const RIGHT = 'a right over the host: a repository cannot ask for that'

/** `isMachine`: it is the one that people work in. */
export function readService(name: string, raw: Json, { volumes, notes, isMachine }: { volumes: Json; notes: Notes; isMachine: boolean }): Service {
  const at = (key: string): string => `services.${name}.${key}`
  sortKeys(raw, at, notes)
  const rights = rightsOf(raw, at, notes)
  const image = text(raw['image'])
  if (image !== null && !IMAGE.test(image)) notes.unsafe(at('image'), 'it is not the name of an image')
  const places = placesOf(raw, { at, volumes, notes, isMachine })
  return {
    name, image: image !== null && IMAGE.test(image) ? image : null, build: buildOf(raw['build'], at, notes), files: places.files,
    shape: { ...plainShape(raw, name), code: places.code, volumes: places.volumes, networkOf: networkOf(raw, at, notes), capAdd: rights },
  }
}

function sortKeys(raw: Json, at: At['at'], notes: Notes): void {
  for (const [key, value] of Object.entries(raw)) {
    if (value === null || value === false) continue
    if (UNSAFE.has(key)) notes.unsafe(at(key), RIGHT)
    else if (key in LEFT_ALONE) notes.ignore(at(key), LEFT_ALONE[key] ?? '')
    else if (!USED.has(key) && !READ_ELSEWHERE.has(key)) notes.ignore(at(key), 'Berth does not know it')
  }
}

/** Those that stay in the container. */
function rightsOf(raw: Json, at: At['at'], notes: Notes): string[] {
  for (const option of strings(raw['security_opt'])) if (!option.startsWith('no-new-privileges')) notes.unsafe(`${at('security_opt')}: ${option}`, 'it weakens what keeps the machine apart')
  const rights = strings(raw['cap_add']).map((right) => right.toUpperCase().replace(/^CAP_/, ''))
  for (const right of rights) if (!SAFE_CAPABILITIES.includes(right)) notes.unsafe(`${at('cap_add')}: ${right}`, RIGHT)
  return rights.filter((right) => SAFE_CAPABILITIES.includes(right))
}

function plainShape(raw: Json, name: string): Omit<ServiceShape, 'volumes' | 'code' | 'networkOf' | 'capAdd'> {
  const limits = isObject(raw['deploy']) && isObject(raw['deploy']['resources']) && isObject(raw['deploy']['resources']['limits']) ? raw['deploy']['resources']['limits'] : {}
  const amount = (...values: unknown[]): number | null => values.map(Number).find((value) => Number.isFinite(value) && value > 0) ?? null
  const networks = isObject(raw['networks']) ? Object.values(raw['networks']) : []
  const names = [name, text(raw['hostname']), text(raw['container_name']), ...networks.flatMap((network) => (isObject(network) ? strings(network['aliases']) : []))]
  return {
    entrypoint: lists(raw['entrypoint']), command: lists(raw['command']), user: text(raw['user']), workingDir: text(raw['working_dir']), stopSignal: text(raw['stop_signal']),
    env: Object.fromEntries(Object.entries(isObject(raw['environment']) ? raw['environment'] : {}).flatMap(([key, value]) => (value === null ? [] : [[key, String(value)]]))),
    tmpfs: strings(raw['tmpfs']).filter((target) => whyNoTarget(target.split(':')[0] ?? '') === null), healthcheck: healthOf(raw['healthcheck']),
    restart: typeof raw['restart'] === 'string' && raw['restart'] !== 'no',
    aliases: [...new Set(names.filter((one): one is string => one !== null && HOST_NAME.test(one)))].slice(0, 16),
    memoryBytes: amount(limits['memory'], raw['mem_limit']), cpus: amount(limits['cpus'], raw['cpus']), shmSizeBytes: amount(raw['shm_size']),
    after: Object.entries(isObject(raw['depends_on']) ? raw['depends_on'] : {}).map(([other, how]) => ({ name: other, condition: isObject(how) ? text(how['condition']) ?? 'service_started' : 'service_started' })),
    ports: list(raw['ports']).flatMap((port) => (isObject(port) && Number.isInteger(port['target']) ? [Number(port['target'])] : [])),
  }
}
const HOST_NAME = /^[a-zA-Z0-9][\w.-]{0,62}$/

const SECOND_NS = 1e9
function healthOf(value: unknown): Json | null {
  if (!isObject(value)) return null
  if (value['disable'] === true) return { Test: ['NONE'] }
  const ns = (given: unknown): number => {
    let total = 0
    for (const [, digits = '', unit = ''] of String(given ?? '').matchAll(/([\d.]+)(ms|h|m|s)/g)) total += Number(digits) * ({ ms: SECOND_NS / 1000, s: SECOND_NS, m: 60 * SECOND_NS, h: 3600 * SECOND_NS }[unit] ?? 0)
    return Math.round(total)
  }
  return { ...(Array.isArray(value['test']) ? { Test: strings(value['test']) } : {}), Interval: ns(value['interval']), Timeout: ns(value['timeout']), StartPeriod: ns(value['start_period']), ...(Number.isInteger(value['retries']) ? { Retries: value['retries'] } : {}) }
}

interface At { readonly at: (key: string) => string; readonly volumes: Json; readonly notes: Notes; readonly isMachine: boolean }

interface Places { readonly volumes: ServiceShape['volumes'][number][]; readonly code: ServiceShape['code'][number][]; readonly files: Service['files'][number][] }

function placesOf(raw: Json, call: At): Places {
  const places: Places = { volumes: [], code: [], files: [] }
  for (const given of list(raw['volumes'])) if (isObject(given)) placeOf(given, call, places)
  return places
}

function placeOf(given: Json, { at, volumes, notes, isMachine }: At, into: Places): void {
  const [source, target] = [text(given['source']), text(given['target']) ?? '']
  const key = `${at('volumes')}: ${source ?? ''}:${target}`
  const readOnly = given['read_only'] === true
  if (target === '/' || !target.startsWith('/') || target.split('/').includes('..')) return notes.unsafe(key, 'its target is not a path in the container')
  switch (given['type']) {
    case 'volume': return volumeOf({ source, target, readOnly }, { key, volumes, notes, into: into.volumes })
    case 'tmpfs': return void into.volumes.push({ name: null, target, readOnly: false })
    case 'bind': return bindOf({ source: source ?? '', target, readOnly }, { key, notes, isMachine, into })
    default: return notes.unsafe(key, `there are no mounts of type ${String(given['type'])}`)
  }
}

function bindOf({ source, target, readOnly }: { source: string; target: string; readOnly: boolean }, { key, notes, isMachine, into }: { key: string; notes: Notes; isMachine: boolean; into: Places }): void {
  if (source === PROJECT_ROOT || source === PROJECT_PARENT) return void into.code.push({ target, readOnly })
  if (/docker\.sock|containerd\.sock|podman\.sock/.test(source)) return notes.unsafe(key, "the engine's socket owns the host: a repository cannot ask for that")
  const from = inProject(source)
  if (from === null) return notes.unsafe(key, 'a repository cannot mount what is on the host')
  if (isMachine) return notes.ignore(key, 'the code is at /workspace')
  into.files.push({ from, to: target })
  notes.ignore(key, 'it has a copy of that from when it was made: `berth rebuild` copies anew')
}

function volumeOf(volume: { source: string | null; target: string; readOnly: boolean }, { key, volumes, notes, into }: { key: string; volumes: Json; notes: Notes; into: { name: string | null; target: string; readOnly: boolean }[] }): void {
  const { source, target, readOnly } = volume
  const declared = source === null ? null : volumes[source]
  // A volume of the engine can be any directory of the host, or somebody else's.
  if (isObject(declared) && (declared['external'] === true || isObject(declared['driver_opts']) || (text(declared['driver']) ?? 'local') !== 'local')) return notes.unsafe(key, 'a volume with options of the engine, or of another project')
  if (source !== null && !/^[\w.-]{1,60}$/.test(source)) return notes.unsafe(key, 'it is not the name of a volume')
  into.push({ name: source, target, readOnly })
}

function networkOf(raw: Json, at: (key: string) => string, notes: Notes): string | null {
  const mode = text(raw['network_mode'])
  if (mode === null) return null
  if (mode.startsWith('service:')) return mode.slice('service:'.length)
  if (mode !== 'none' && mode !== 'bridge') notes.unsafe(`${at('network_mode')}: ${mode}`, 'the network is that of the machine')
  else notes.ignore(`${at('network_mode')}: ${mode}`, 'the network is that of the machine')
  return null
}

function buildOf(value: unknown, at: (key: string) => string, notes: Notes): ServiceBuild | null {
  if (!isObject(value)) return null
  for (const [key, given] of Object.entries(value)) {
    if (given === null || ['context', 'dockerfile', 'args', 'target', 'labels', 'tags', 'pull', 'no_cache'].includes(key)) continue
    if (['privileged', 'network', 'ssh', 'secrets', 'entitlements', 'extra_hosts', 'isolation', 'ulimits', 'shm_size', 'additional_contexts'].includes(key)) notes.unsafe(at(`build.${key}`), 'options of the engine reach the host: write what is needed into the Dockerfile')
    else notes.ignore(at(`build.${key}`), 'Berth does not know it')
  }
  const context = inProject(text(value['context']) ?? '')
  const dockerfile = context === null ? null : inProject(posix.resolve(PROJECT_ROOT, context, text(value['dockerfile']) ?? 'Dockerfile'))
  if (context === null || dockerfile === null || value['dockerfile_inline'] !== undefined) {
    notes.unsafe(at(context === null ? 'build.context' : 'build.dockerfile'), 'it is not a path in the project')
    return null
  }
  return { context, dockerfile, args: Object.fromEntries(Object.entries(isObject(value['args']) ? value['args'] : {}).flatMap(([key, one]) => (one === null ? [] : [[key, String(one)]]))), target: text(value['target']) }
}

/** From an absolute path of where compose saw the project to one in it. '' is all of it. */
export function inProject(path: string): string | null {
  if (path === PROJECT_ROOT) return ''
  return path.startsWith(`${PROJECT_ROOT}/`) && !path.split('/').includes('..') && !path.includes('\0') ? path.slice(PROJECT_ROOT.length + 1) : null
}
