/**
 * Which server this CLI speaks to: BERTH_URL with BERTH_TOKEN, else the context chosen by BERTH_CONTEXT or config.yaml,
 * else the server of this home, started when there is none and replaced when it is older than we are.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createClient } from '@berth/client'
import { BerthError } from '@berth/wire/error'
import { VERSION } from '@berth/wire/version'
import type { Connection, Context } from '../context.ts'
import { currentContext } from './contexts.ts'
import { findServer, readToken } from './find.ts'

export async function connect(context: Context): Promise<Connection> {
  const remote = await remoteEndpoint(context)
  if (remote) return { client: createClient(remote), endpoint: remote, local: false }
  const url = await localServer(context)
  const endpoint = { url, token: await readToken(context.home) }
  return { client: createClient(endpoint), endpoint, local: true }
}

export async function remoteEndpoint(context: Pick<Context, 'env' | 'home'>): Promise<{ url: string; token: string } | null> {
  const url = context.env['BERTH_URL']
  if (url) {
    const token = context.env['BERTH_TOKEN']
    if (!token) throw new BerthError('config_invalid', 'BERTH_URL is set, BERTH_TOKEN is not', { hint: 'set BERTH_TOKEN to an API token of that server' })
    return { url: checkedUrl(url, 'BERTH_URL'), token }
  }
  const name = context.env['BERTH_CONTEXT'] ?? (await currentContext(context.home)) ?? (await readYaml(join(context.home, 'config.yaml')))?.['context']
  if (typeof name !== 'string' || name === '' || name === 'local') return null
  return contextEndpoint(context.home, name)
}

async function contextEndpoint(home: string, name: string): Promise<{ url: string; token: string }> {
  if (!/^[\w.-]{1,64}$/.test(name)) throw new BerthError('config_invalid', `"${name}" is no name of a context`, { hint: 'BERTH_CONTEXT or `context:` in config.yaml names a file in contexts/, without .yaml' })
  const path = join(home, 'contexts', `${name}.yaml`)
  const value = await readYaml(path)
  if (typeof value?.['url'] !== 'string' || typeof value['token'] !== 'string') {
    throw new BerthError('config_invalid', value ? `${path} needs \`url\` and \`token\`` : `there is no context "${name}"`, { hint: '`berth login <server>` makes one; `berth context` lists them' })
  }
  return { url: checkedUrl(value['url'], path), token: value['token'] }
}

function checkedUrl(text: string, where: string): string {
  const url = URL.parse(text)
  if (!url || !/^https?:$/.test(url.protocol)) throw new BerthError('config_invalid', `${where} is not an http(s) URL: ${text}`, { hint: 'give it as https://host:port' })
  return url.origin + url.pathname.replace(/\/$/, '')
}

/** Null when the file is absent. */
export async function readYaml(path: string): Promise<Record<string, unknown> | null> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return null
    throw new BerthError('config_invalid', `${path} cannot be read: ${error.code}`, { hint: 'make it readable, or move it away to start from the defaults', cause: error })
  })
  if (text === null) return null
  try {
    const value: unknown = Bun.YAML.parse(text)
    if (value === null || value === undefined) return {}
    if (typeof value !== 'object' || Array.isArray(value)) throw new TypeError('expected `key: value` lines')
    return value as Record<string, unknown>
  } catch (cause) {
    throw new BerthError('config_invalid', `${path} is not valid YAML: ${cause instanceof Error ? cause.message : cause}`, { hint: 'correct it, or move it away to start from the defaults', cause })
  }
}

async function localServer(context: Context): Promise<string> {
  const found = await findServer(context.home)
  if (found.kind !== 'running') return start(context)
  const order = Bun.semver.order(found.file.version, VERSION)
  if (order === 0) return found.file.url
  if (order > 0) {
    context.io.note(context.io.noteStyle.dim(`the server is newer (${found.file.version}) than this CLI (${VERSION})`))
    return found.file.url
  }
  // Machines and agents go on while the server is replaced; daemons dial again by themselves.
  context.io.note(context.io.noteStyle.dim(`replacing the server ${found.file.version} by ${VERSION}`))
  const { stopServer } = await import('./stop.ts')
  await stopServer(context.home)
  return start(context)
}

/** Loaded only by the command that has to start one. */
async function start(context: Context): Promise<string> {
  const { startServer } = await import('./start.ts')
  return (await startServer(context)).url
}
