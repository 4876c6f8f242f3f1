/** What a person can set for a provider: options of `berth provider setup`, kept in `<home>/providers/<name>.yaml`. */
import { mkdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { BerthError } from '@berth/wire/error'
import type { Options } from './command.ts'
import { readYaml } from './server-process/connect.ts'

/** Keys as the server reads them. */
export type Settings = Readonly<Record<string, string | number | readonly (string | number)[]>>
type Given = { readonly [name: string]: string | readonly string[] | boolean | undefined }

export const settingOptions = {
  socket: { type: 'string', value: 'path', help: 'docker: the socket of the engine, or a DOCKER_HOST value' },
  image: { type: 'string', value: 'image', help: 'docker, hetzner: the image of workspaces that name none' },
  'base-image': { type: 'string', value: 'kind', help: "docker: auto, or host-usr (an image that borrows this host's /usr)" },
  'host-port': { type: 'string', multiple: true, value: 'port', help: 'docker, local: machines may reach this port of the host as host.docker.internal' },
  allow: { type: 'string', multiple: true, value: 'host[:port]', help: 'docker, local: machines may reach this private address' },
  'read-only': { type: 'string', multiple: true, value: 'path', help: 'local: machines see this path of the host' },
  sandbox: { type: 'string', value: 'kind', help: 'local: auto, or none (the agent has your rights)' },
  'token-file': { type: 'string', value: 'path', help: 'hetzner: a file with the token of a project (Read & Write), on the host of the server' },
  location: { type: 'string', value: 'place', help: 'hetzner: where servers and disks are made (default fsn1)' },
  'volume-gb': { type: 'string', value: 'n', help: 'hetzner: of the disk that stays when a server is given back (default 20)' },
} as const satisfies Options

type Configured = 'docker' | 'local' | 'hetzner'
/** The key by provider. */
interface Setting { readonly keys: Readonly<Partial<Record<Configured, string>>>; read(text: string): string | number }
const oneOf = (option: string, ...words: readonly string[]) => (text: string): string => {
  if (words.includes(text)) return text
  throw new BerthError('bad_request', `--${option} takes ${words.join(' or ')}, not "${text}"`)
}
const some = (option: string, what: string, fits: RegExp) => (text: string): string => {
  if (fits.test(text)) return text
  throw new BerthError('bad_request', `--${option} takes ${what}, not "${text}"`)
}
const port = (text: string): number => {
  const number = /^\d{1,5}$/.test(text) ? Number(text) : 0
  if (number < 1 || number > 65_535) throw new BerthError('bad_request', `--host-port takes a port, not "${text}"`)
  return number
}
const gigabytes = (text: string): number => {
  const number = /^\d{1,5}$/.test(text) ? Number(text) : 0
  if (number < 10 || number > 10_240) throw new BerthError('bad_request', `--volume-gb takes 10 to 10240, not "${text}"`)
  return number
}
const SETTINGS: Readonly<Record<keyof typeof settingOptions, Setting>> = {
  socket: { keys: { docker: 'socket' }, read: some('socket', 'a path or an address', /^\S+$/) },
  image: { keys: { docker: 'defaultImage', hetzner: 'image' }, read: some('image', 'the name of an image', /^[\w./:@-]+$/) },
  'base-image': { keys: { docker: 'baseImage' }, read: oneOf('base-image', 'auto', 'host-usr') },
  'host-port': { keys: { docker: 'hostPorts', local: 'hostPorts' }, read: port },
  allow: { keys: { docker: 'egressAllow', local: 'egressAllow' }, read: some('allow', 'a host, or host:port', /^[\w.:[\]-]+$/) },
  'read-only': { keys: { local: 'readOnlyPaths' }, read: some('read-only', 'an absolute path', /^\//) },
  sandbox: { keys: { local: 'sandbox' }, read: oneOf('sandbox', 'auto', 'none') },
  'token-file': { keys: { hetzner: 'tokenFile' }, read: some('token-file', 'an absolute path', /^\//) },
  location: { keys: { hetzner: 'location' }, read: some('location', 'the name of a location, such as fsn1', /^[a-z0-9-]+$/) },
  'volume-gb': { keys: { hetzner: 'volumeGb' }, read: gigabytes },
}

/** Checked here, because a server that meets a wrong setting does not start. */
export function settingsFrom(provider: string, values: Given): Settings {
  const settings: Record<string, string | number | (string | number)[]> = {}
  for (const [option, setting] of Object.entries(SETTINGS)) {
    const given = values[option]
    if (given === undefined || typeof given === 'boolean') continue
    const key = Object.entries(setting.keys).find(([name]) => name === provider)?.[1]
    if (key === undefined) {
      const [its = ''] = Object.keys(setting.keys)
      throw new BerthError('bad_request', `--${option} is a setting of ${Object.keys(setting.keys).join(' and ')}, not of ${provider}`, { hint: `berth provider setup ${its} --${option} …` })
    }
    settings[key] = typeof given === 'string' ? setting.read(given) : given.map(setting.read)
  }
  return settings
}

/** What was set before and is not named now stays. */
export async function writeSettings(home: string, { name, settings }: { name: string; settings: Settings }): Promise<string> {
  const directory = join(home, 'providers')
  const path = join(directory, `${name}.yaml`)
  const merged = { ...(await readYaml(path)), ...settings }
  await mkdir(directory, { recursive: true, mode: 0o700 })
  // JSON in a line is YAML, whatever stands in the value.
  await writeFile(`${path}.new`, Object.entries(merged).map(([key, value]) => `${key}: ${JSON.stringify(value)}\n`).join(''), { mode: 0o600 })
  await rename(`${path}.new`, path)
  return path
}
