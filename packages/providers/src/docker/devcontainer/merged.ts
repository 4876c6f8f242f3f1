/** The machine that a built image asks for: its own metadata, its features' and the project's, merged by the reference CLI. */
import type { MachineMade } from '@berth/core'
import type { Hook } from '@berth/wire/daemon'
import { isPort, readMount, whyNoMount, type Shape } from './configuration.ts'
import type { Ignored } from './notes.ts'

export interface MachineShape {
  readonly remoteUser: string | null
  readonly remoteEnv: Readonly<Record<string, string>>
  /** Of every process in it. The CLI writes it into images with features only. Absent: made before this was kept. */
  readonly containerEnv?: Readonly<Record<string, string>>
  readonly mounts: readonly { readonly type: 'volume' | 'tmpfs'; readonly target: string }[]
  readonly hooks: { readonly create: readonly Hook[]; readonly start: readonly Hook[] }
  readonly ports: MachineMade['ports']
  readonly ignored: readonly Ignored[]
}

type Json = Readonly<Record<string, unknown>>
const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)
const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : [])

const HOOKS_LIMIT = 100
const CREATE = ['onCreateCommand', 'updateContentCommand', 'postCreateCommand'] as const
const START = ['postStartCommand', 'postAttachCommand'] as const

/** `imageEnv`: the image's variables as the engine tells them, for `${containerEnv:NAME}`. */
export function readMerged(merged: Json, { imageEnv, own }: { imageEnv: readonly string[]; own: Shape }): MachineShape {
  const ignored: Ignored[] = []
  const environment = new Map(imageEnv.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]))
  const containerEnv = environmentOf(merged, 'containerEnv', ignored)
  for (const [name, value] of Object.entries(containerEnv)) environment.set(name, value)
  const remoteEnv = Object.fromEntries(Object.entries(environmentOf(merged, 'remoteEnv', ignored)).map(([name, value]) =>
    [name, value.replaceAll(/\$\{containerEnv:([^}:]+)(?::([^}]*))?\}/g, (_, key: string, otherwise: string | undefined) => environment.get(key) ?? otherwise ?? '')]))
  const remoteUser = [merged['remoteUser'], merged['containerUser']].find((name): name is string => typeof name === 'string' && name !== '') ?? null
  for (const key of ['privileged', 'entrypoints', 'capAdd', 'securityOpt'] as const) {
    const asks = key === 'privileged' ? merged[key] === true : list(merged[key]).length > 0
    if (asks) ignored.push({ key: `${key} of the image or a feature`, why: key === 'privileged' ? 'a right over the host: a repository cannot ask for that; where it is for Docker, use `berth up --docker`' : 'a right over the host: a repository cannot ask for that', unsafe: true })
  }
  return {
    remoteUser, remoteEnv, containerEnv, ignored,
    mounts: list(merged['mounts']).flatMap((value) => {
      const mount = readMount(value)
      const no = whyNoMount(mount)
      if (no !== null) ignored.push({ key: `mounts: ${typeof value === 'string' ? value : JSON.stringify(value)}`, ...no })
      return no !== null || mount === null ? [] : [{ type: mount.type === 'tmpfs' ? 'tmpfs' as const : 'volume' as const, target: mount.target }]
    }),
    hooks: { create: hooksOf(merged, CREATE), start: hooksOf(merged, START) },
    ports: portsOf(merged, own, ignored),
  }
}

function environmentOf(merged: Json, key: 'remoteEnv' | 'containerEnv', ignored: Ignored[]): Record<string, string> {
  const kept: Record<string, string> = {}
  for (const [name, value] of Object.entries(isObject(merged[key]) ? merged[key] : {})) {
    // Taken away (null), where the machine has none to begin with.
    if (value === null) continue
    const no = typeof value !== 'string' || value.includes('\0') ? 'its value is no text' : /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) ? null : 'that is no name of a variable'
    if (no !== null) ignored.push({ key: `${key}.${name.slice(0, 100)}`, why: no, unsafe: false })
    else if (/^(?:BERTH_|LD_)/.test(name)) ignored.push({ key: `${key}.${name}`, why: 'that name belongs to the machine', unsafe: true })
    else kept[name] = String(value)
  }
  return kept
}

function hooksOf(merged: Json, names: readonly string[]): Hook[] {
  return names.flatMap((name) => list(merged[`${name}s`]).flatMap((command) => (isCommand(command) || isNamed(command) ? [{ name, command }] : []))).slice(0, HOOKS_LIMIT)
}
const isCommand = (value: unknown): value is string | string[] => (typeof value === 'string' && value.trim() !== '') || (Array.isArray(value) && value.length > 0 && value.every((one) => typeof one === 'string'))
const isNamed = (value: unknown): value is Record<string, string | string[]> => isObject(value) && Object.values(value).length > 0 && Object.values(value).every(isCommand)

function portsOf(merged: Json, own: Shape, ignored: Ignored[]): MachineMade['ports'] {
  const attributes = isObject(merged['portsAttributes']) ? merged['portsAttributes'] : {}
  const ports: number[] = []
  for (const value of list(merged['forwardPorts'])) {
    const [, host = 'localhost', digits = ''] = /^(?:(.+):)?(\d+)$/.exec(String(value)) ?? []
    const port = Number(digits)
    if (isPort(port) && ['localhost', '127.0.0.1', '0.0.0.0'].includes(host)) ports.push(port)
    else ignored.push({ key: `forwardPorts: ${String(value).slice(0, 100)}`, why: 'only ports of the machine itself have previews', unsafe: false })
  }
  ports.push(...own.appPorts)
  for (const [name, given] of Object.entries(attributes)) {
    if (isPort(Number(name)) && isObject(given) && typeof given['label'] === 'string') ports.push(Number(name))
  }
  const labelOf = (port: number): string | null => {
    const given = attributes[String(port)]
    return isObject(given) && typeof given['label'] === 'string' ? given['label'].slice(0, 64) : null
  }
  return [...new Set(ports)].slice(0, 32).map((port, at) => ({ port, label: labelOf(port), primary: at === 0 }))
}
