/** The one line of ours in a person's own ssh configuration. Everything else in that file is theirs, to the byte. */
import { chmod, mkdir, readFile, realpath, rename, stat, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { BerthError } from '@berth/wire/error'

const MARK = '# Workspaces of berth; `berth ssh-config --remove` takes these two lines away.'

export const userConfigPath = (): string => join(process.env['HOME'] || homedir(), '.ssh', 'config')

const ourLines = (config: string): string => `${MARK}\nInclude "${config}"\n`

/** First, because an Include below a `Host` is only of that host. True: it was not there before. */
export async function include(path: string, config: string): Promise<boolean> {
  const text = await textOf(path)
  if (text.startsWith(ourLines(config))) return false
  const others = without(text, config)
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  await write(path, ourLines(config) + others)
  return true
}

/** True: it was there. */
export async function exclude(path: string, config: string): Promise<boolean> {
  const text = await textOf(path)
  const others = without(text, config)
  if (others === text) return false
  await write(path, others)
  return true
}

/** Wherever they stand, as often as they do, and also when an editor ends lines in its own way. */
const without = (text: string, config: string): string => [ourLines(config), ourLines(config).replaceAll('\n', '\r\n')].reduce((left, ours) => left.replaceAll(ours, ''), text)

async function textOf(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return ''
    throw new BerthError('config_invalid', `${path} cannot be read: ${cause.code}`, { hint: 'make it readable, or name another file with --file', cause })
  })
}

/** Beside the file itself, also when the path is a link to where somebody keeps it. */
async function write(path: string, text: string): Promise<void> {
  const target = await realpath(path).catch(() => path)
  const mode = await stat(target).then((found) => found.mode & 0o777, () => 0o600)
  const aside = `${target}.${process.pid}.berth`
  try {
    await writeFile(aside, text, { mode })
    await chmod(aside, mode)
    await rename(aside, target)
  } catch (cause) {
    throw new BerthError('config_invalid', `${path} cannot be written: ${cause instanceof Error ? cause.message : String(cause)}`, { hint: 'make it writable, or name another file with --file', cause })
  }
}
