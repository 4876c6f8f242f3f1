/** What a person can set for a provider: options of `berth provider setup`, kept in `<home>/providers/<name>.yaml`. */
import { mkdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { BerthError } from '@berth/wire/error'
import type { Options } from './command.ts'
import { readYaml } from './server-process/connect.ts'

/** Keys as the server reads them. */
export type Settings = Readonly<Record<string, string | readonly (string | number)[]>>
type Given = { readonly [name: string]: string | readonly string[] | boolean | undefined }

export const settingOptions = {
  socket: { type: 'string', value: 'path', help: 'docker: the socket of the engine, or a DOCKER_HOST value' },
  image: { type: 'string', value: 'image', help: 'docker: the image of workspaces that name none' },
  'base-image': { type: 'string', value: 'kind', help: "docker: auto, or host-usr (an image that borrows this host's /usr)" },
  'host-port': { type: 'string', multiple: true, value: 'port', help: 'local: machines may reach this port of the host as host.docker.internal' },
  allow: { type: 'string', multiple: true, value: 'host[:port]', help: 'local: machines may reach this private address' },
  'read-only': { type: 'string', multiple: true, value: 'path', help: 'local: machines see this path of the host' },
  sandbox: { type: 'string', value: 'kind', help: 'local: auto, or none (the agent has your rights)' },
} as const satisfies Options

interface Setting { readonly provider: 'docker' | 'local'; readonly key: string; read(text: string): string | number }
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
const SETTINGS: Readonly<Record<keyof typeof settingOptions, Setting>> = {
  socket: { provider: 'docker', key: 'socket', read: some('socket', 'a path or an address', /^\S+$/) },
  image: { provider: 'docker', key: 'defaultImage', read: some('image', 'the name of an image', /^[\w./:@-]+$/) },
  'base-image': { provider: 'docker', key: 'baseImage', read: oneOf('base-image', 'auto', 'host-usr') },
  'host-port': { provider: 'local', key: 'hostPorts', read: port },
  allow: { provider: 'local', key: 'egressAllow', read: some('allow', 'a host, or host:port', /^[\w.:[\]-]+$/) },
  'read-only': { provider: 'local', key: 'readOnlyPaths', read: some('read-only', 'an absolute path', /^\//) },
  sandbox: { provider: 'local', key: 'sandbox', read: oneOf('sandbox', 'auto', 'none') },
}

/** Checked here, because a server that meets a wrong setting does not start. */
export function settingsFrom(provider: string, values: Given): Settings {
  const settings: Record<string, string | (string | number)[]> = {}
  for (const [option, setting] of Object.entries(SETTINGS)) {
    const given = values[option]
    if (given === undefined || typeof given === 'boolean') continue
    if (setting.provider !== provider) throw new BerthError('bad_request', `--${option} is a setting of ${setting.provider}, not of ${provider}`, { hint: `berth provider setup ${setting.provider} --${option} …` })
    settings[setting.key] = typeof given === 'string' ? String(setting.read(given)) : given.map(setting.read)
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
