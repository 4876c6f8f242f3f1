/** What a person can set for a provider: options of `berth provider setup`, kept in `<home>/providers/<name>.yaml`. One file for each provider. */
import { mkdir, rename, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { BerthError } from '@berth/wire/error'
import type { Option, Options } from '../command.ts'
import type { Context } from '../context.ts'
import { readYaml } from '../server-process/connect.ts'
import { docker } from './docker.ts'
import { ec2 } from './ec2.ts'
import { exec } from './exec.ts'
import { fly } from './fly.ts'
import { freestyle } from './freestyle.ts'
import { hetzner } from './hetzner.ts'
import { kubernetes } from './kubernetes.ts'
import { local } from './local.ts'
import type { Prepare, ProviderSettings, Setting, SettingValue, Settings } from './setting.ts'
import { prepareSsh, ssh } from './ssh.ts'
import { vm } from './vm.ts'

export type { Settings } from './setting.ts'

const PROVIDERS: Readonly<Record<string, ProviderSettings>> = { docker, local, vm, hetzner, ec2, fly, kubernetes, freestyle, ssh, exec }

const PREPARED: Readonly<Record<string, Prepare>> = { ssh: prepareSsh }

type Given = { readonly [name: string]: string | readonly string[] | boolean | undefined }

/** Each option once, with the providers that have it before what it says to them. */
export const settingOptions: Options = Object.fromEntries([...new Set(Object.values(PROVIDERS).flatMap((settings) => Object.keys(settings)))].map((option) => [option, optionOf(option)]))

export function settingsFrom(provider: string, values: Given): Settings {
  const settings: Record<string, SettingValue> = {}
  for (const option of Object.keys(settingOptions)) {
    const given = values[option]
    if (given === undefined || typeof given === 'boolean') continue
    const setting = PROVIDERS[provider]?.[option]
    if (setting === undefined) {
      const theirs = havingIt(option).map(([name]) => name)
      throw new BerthError('bad_request', `--${option} is a setting of ${theirs.join(' and ')}, not of ${provider}`, { hint: `berth provider setup ${theirs[0] ?? ''} --${option} …` })
    }
    settings[setting.key] = typeof given === 'string' ? setting.read(given, option) : given.flatMap((text) => setting.read(text, option))
  }
  return settings
}

/** What must be done before settings are kept; what remains of them is. */
export async function prepareSettings(context: Context, { name, settings }: { name: string; settings: Settings }): Promise<Settings> {
  const prepare = PREPARED[name]
  return prepare === undefined ? settings : prepare(context, { given: settings, before: (await readYaml(settingsPath(context.home, name))) ?? {} })
}

/** What was set before and is not named now stays. */
export async function writeSettings(home: string, { name, settings }: { name: string; settings: Settings }): Promise<string> {
  const path = settingsPath(home, name)
  const merged = { ...(await readYaml(path)), ...settings }
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  // JSON in a line is YAML, whatever stands in the value.
  await writeFile(`${path}.new`, Object.entries(merged).map(([key, value]) => `${key}: ${JSON.stringify(value)}\n`).join(''), { mode: 0o600 })
  await rename(`${path}.new`, path)
  return path
}

const settingsPath = (home: string, name: string): string => join(home, 'providers', `${name}.yaml`)

function havingIt(option: string): [string, Setting][] {
  return Object.entries(PROVIDERS).flatMap(([name, { [option]: setting }]) => (setting === undefined ? [] : [[name, setting] satisfies [string, Setting]]))
}

function optionOf(option: string): Option {
  const theirs = havingIt(option)
  const byHelp = Map.groupBy(theirs, ([, setting]) => setting.help)
  const help = [...byHelp].map(([words, names]) => `${names.map(([name]) => name).join(', ')}: ${words}`).join('; ')
  const [[, first] = []] = theirs
  return { type: 'string', help, ...(first === undefined ? {} : { value: first.value }), ...(first?.multiple === true ? { multiple: true } : {}) }
}
