/**
 * A devcontainer of compose services, as Berth makes it: the service that people work in becomes the machine, by the same
 * way as a devcontainer with an image or a Dockerfile; the others are containers beside it, in its network.
 */
import { posix } from 'node:path'
import { BuildFailed } from '../cli.ts'
import { createNotes, type Ignored } from '../notes.ts'
import { isObject, list, readService, type Json, type Service } from './service.ts'
import { PROJECT_ROOT } from './normalize.ts'

export interface ComposeReading {
  /** The configuration without what is compose's, and with what its service says. */
  readonly config: Json
  /** In the order in which they start. */
  readonly services: readonly Service[]
  readonly ignored: readonly Ignored[]
}

const SERVICES_LIMIT = 20
const NAME = /^[a-zA-Z0-9][\w.-]{0,38}$/
const OWN_KEYS = ['dockerComposeFile', 'service', 'runServices']

/** Paths of the compose files in the project, or null where one leads out of it. */
export function composeFilesOf(config: Json, own: string): string[] | null {
  const given = config['dockerComposeFile']
  const files = typeof given === 'string' ? [given] : list(given).filter((one): one is string => typeof one === 'string')
  const paths = files.map((file) => posix.normalize(posix.join(own, file)))
  return files.length === 0 || paths.some((path) => path.startsWith('..') || path.startsWith('/') || path.includes('\0')) || files.some((file) => file.startsWith('/')) ? null : paths
}

export function readCompose(config: Json, { model, own }: { model: unknown; own: string }): ComposeReading {
  const notes = createNotes()
  const all = isObject(model) && isObject(model['services']) ? model['services'] : {}
  const volumes = isObject(model) && isObject(model['volumes']) ? model['volumes'] : {}
  const wanted = typeof config['service'] === 'string' ? config['service'] : ''
  const mine = all[wanted]
  if (!isObject(mine)) throw new BuildFailed(wanted === '' ? 'it names no service' : `its service ${wanted.slice(0, 60)} is not in the compose file`, '')
  const read = new Map<string, Service>()
  const of = (name: string): Service | null => {
    const raw = all[name]
    if (!isObject(raw) || !NAME.test(name)) return null
    const service = read.get(name) ?? readService(name, raw, { volumes, notes, isMachine: name === wanted })
    read.set(name, service)
    return service
  }
  const main = of(wanted)
  if (main === null) throw new BuildFailed(`its service ${wanted.slice(0, 60)} has a name that a machine cannot have`, '')
  const network = main.shape.networkOf
  const names = [...startingWith(config['runServices'], all, wanted), ...main.shape.after.map(({ name }) => name), ...(network === null ? [] : [network])]
  const services = inOrder(names, of, wanted)
  refuse(services, notes.ignored)
  // Whichever way it is said, the two share one network: it is that of the machine.
  const shared = services.map((service) => ({ ...service, shape: { ...service.shape, networkOf: service.name === network || service.shape.networkOf === wanted ? wanted : null } }))
  for (const { name, shape } of shared) for (const port of shape.networkOf === null ? shape.ports : []) notes.ignore(`services.${name}.ports: ${port}`, `it is reached from the machine as ${name}:${port}`)
  return { config: configOf(config, main, own), services: shared, ignored: notes.ignored }
}

function refuse(services: readonly Service[], ignored: readonly Ignored[]): void {
  if (services.length > SERVICES_LIMIT) throw new BuildFailed(`its compose file has more than ${SERVICES_LIMIT} services`, '')
  for (const { name, image, build } of services) {
    if (image !== null || build !== null) continue
    throw new BuildFailed(`services.${name}: there is nothing to make it from: ${ignored.find(({ key }) => key.startsWith(`services.${name}.`))?.why ?? 'say an image or a build'}`, '')
  }
}

/** Those that are named; else all that no profile holds back. */
function startingWith(given: unknown, all: Json, wanted: string): string[] {
  const named = list(given).filter((one): one is string => typeof one === 'string')
  if (Array.isArray(given)) return named
  return Object.entries(all).flatMap(([name, raw]) => (name !== wanted && isObject(raw) && list(raw['profiles']).length === 0 ? [name] : []))
}

/** Whatever one needs comes before it. */
function inOrder(names: readonly string[], of: (name: string) => Service | null, wanted: string): Service[] {
  const done = new Map<string, Service>()
  const visit = (name: string, path: readonly string[]): void => {
    const service = name === wanted || done.has(name) || path.includes(name) ? null : of(name)
    if (service === null) return
    for (const { name: other } of service.shape.after) visit(other, [...path, name])
    done.set(name, service)
  }
  for (const name of names) visit(name, [])
  return [...done.values()]
}

function configOf(config: Json, { image, build, shape }: Service, own: string): Json {
  const rest = Object.fromEntries(Object.entries(config).filter(([key]) => !OWN_KEYS.includes(key)))
  const relative = (path: string): string => posix.relative(posix.join(PROJECT_ROOT, own), posix.join(PROJECT_ROOT, path)) || '.'
  const env = isObject(config['containerEnv']) ? config['containerEnv'] : {}
  const ports = Array.isArray(config['appPort']) ? config['appPort'] : config['appPort'] === undefined ? [] : [config['appPort']]
  return {
    ...rest,
    ...(build === null ? { image: image ?? '' } : { build: { dockerfile: relative(build.dockerfile), context: relative(build.context), args: build.args, ...(build.target === null ? {} : { target: build.target }) } }),
    containerEnv: { ...shape.env, ...env },
    ...(shape.user === null || config['containerUser'] !== undefined ? {} : { containerUser: shape.user }),
    mounts: [...list(config['mounts']), ...shape.volumes.map(({ name, target }) => `${name === null ? '' : `source=${name},`}target=${target},type=volume`)],
    ...(ports.length + shape.ports.length === 0 ? {} : { appPort: [...ports, ...shape.ports] }),
    ...(shape.capAdd.length === 0 ? {} : { capAdd: [...list(config['capAdd']), ...shape.capAdd] }),
  }
}
