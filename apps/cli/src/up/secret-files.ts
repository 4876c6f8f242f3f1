/** Variables and secrets that stand in files of this machine: `--env-file`, `--secret-file`, and the value of `--secret NAME=file`. */
import { readFile } from 'node:fs/promises'
import { BerthError } from '@berth/wire/error'
import { isProductsVariable, SECRET_FILES_DIR } from '@berth/wire/secret-places'

export const VARIABLE_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/
const LIMIT_BYTES = 64 * 1024

/** Before it goes to a server: by what option it came. */
export function checkVariable(option: string, name: string): void {
  if (isProductsVariable(name)) throw new BerthError('bad_request', `${option} ${name}: that one is set by Berth in a workspace`, { hint: 'choose another name; HOME and BERTH_* are taken' })
}

/** What was taken for a value is one more reason not to repeat it. */
export async function readValue(option: string, path: string): Promise<string> {
  const text = textOf(await readBytes(option, path))
  if (text !== null) return text
  throw new BerthError('bad_request', `the file for ${option} is no text, and a variable is`, { hint: 'give it as a file: --secret-file NAME=path' })
}

/** Null: something would have to be changed in it, or left out, to make it a variable. */
export function textOf(bytes: Uint8Array): string | null {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
    return text.includes('\0') ? null : text
  } catch {
    return null
  }
}

async function readBytes(option: string, path: string): Promise<Uint8Array> {
  const bytes = await readFile(path).catch(() => null)
  if (bytes === null) throw new BerthError('not_found', `the file for ${option} cannot be read`, { hint: 'a path, never the value: a command line is no place for it' })
  if (bytes.length > LIMIT_BYTES) throw new BerthError('too_large', `the file for ${option} is larger than 64 KB`)
  return bytes
}

export async function readEnvFiles(paths: readonly string[]): Promise<Record<string, string>> {
  const env: Record<string, string> = {}
  for (const path of paths) Object.assign(env, parseEnvFile(await readValue(`--env-file ${path}`, path), path))
  for (const name of Object.keys(env)) checkVariable('--env-file:', name)
  return env
}

/** `NAME=value` lines, with `export`, comments and quotes as shells and dotenv have them. Nothing in them is expanded. */
export function parseEnvFile(text: string, path: string): Record<string, string> {
  const env: Record<string, string> = {}
  for (const [at, line] of text.split(/\r?\n/).entries()) {
    if (/^\s*(?:#|$)/.test(line)) continue
    const [, name = '', value = ''] = /^\s*(?:export\s+)?([^=\s]+)\s*=\s*(.*?)\s*$/.exec(line) ?? []
    // Never the line itself: it may be the secret.
    if (!VARIABLE_NAME.test(name)) throw new BerthError('bad_request', `${path}: line ${at + 1} is not NAME=value`, { hint: 'one variable a line, comments begin with #' })
    env[name] = unquoted(value)
  }
  return env
}

function unquoted(value: string): string {
  const quoted = /^(["'])(.*)\1(?:\s+#.*)?$/s.exec(value)
  if (quoted === null) return value.replace(/\s+#.*$/, '')
  return quoted[1] === '"' ? (quoted[2] ?? '').replaceAll(/\\([nrt"\\])/g, (_, sign: string) => ({ n: '\n', r: '\r', t: '\t' }[sign] ?? sign)) : quoted[2] ?? ''
}

/** Each becomes a file of the workspace's home, for its owner alone. */
export async function readSecretFiles(given: readonly string[]): Promise<{ name: string; path: string; contentBase64: string }[]> {
  const files: { name: string; path: string; contentBase64: string }[] = []
  for (const entry of given) {
    const at = entry.indexOf('=')
    const name = entry.slice(0, Math.max(at, 0))
    if (!VARIABLE_NAME.test(name)) throw new BerthError('bad_request', '--secret-file takes NAME=file', { hint: '--secret-file service_account=./key.json' })
    if (files.some((one) => one.name === name)) throw new BerthError('bad_request', `${name} is given twice`)
    files.push({ name, path: `${SECRET_FILES_DIR}/${name}`, contentBase64: Buffer.from(await readBytes(`--secret-file ${name}`, entry.slice(at + 1))).toString('base64') })
  }
  return files
}
