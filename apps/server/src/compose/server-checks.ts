/** What `berth doctor` asks the server about itself: what only it can see. */
import { lookup } from 'node:dns/promises'
import { statfs } from 'node:fs/promises'
import type { ServerCheck } from '@berth/wire/api'
import { z } from 'zod'
import type { Tls } from '../tls/index.ts'
import { previewBaseOf } from './preview-base.ts'
import type { ServerConfig } from './config.ts'
import { messageOf } from '../thrown.ts'

export interface CheckedServer {
  readonly home: string
  readonly config: ServerConfig
  readonly installation: string
  readonly tls: Pick<Tls, 'states'> | null
  databaseNow(): Promise<number>
  /** Of this host. */
  now(): number
}

const DISK_LOW = 2 * 1024 ** 3
const GIGABYTE = 1024 ** 3
const CLOCK_OFF_MS = 5000
const SLOW_DATABASE_MS = 500
const DNS_WITHIN_MS = 5000
/** Renewal is tried for as long as two thirds of a certificate's life leave; less than this is alarming. */
const ENDING_MS = 3 * 24 * 3600_000

export async function checkServer(server: CheckedServer): Promise<ServerCheck[]> {
  const [ofDatabase, ofDisk, ofNames, ofGit] = await Promise.all([database(server), disk(server.home), previewNames(server.config), gitName(server)])
  return [...ofDatabase, ...ofDisk, ...certificates(server), ...ofNames, ...ofGit]
}

async function database({ databaseNow, now }: CheckedServer): Promise<ServerCheck[]> {
  try {
    const before = now()
    const theirs = await databaseNow()
    const tookMs = now() - before
    const offMs = Math.round(theirs - (before + tookMs / 2))
    const slow = tookMs > SLOW_DATABASE_MS
    const off = Math.abs(offMs) > CLOCK_OFF_MS
    return [
      { name: 'database', level: slow ? 'note' : 'ok', found: `answers in ${Math.max(1, Math.round(tookMs))} ms`, hint: slow ? 'each step of the server waits for it: let it stand near' : null },
      // Certificates and links of the outside go by this host's time; all that Berth counts goes by the database's.
      { name: 'clock', level: off ? 'bad' : 'ok', found: off ? `${offMs > 0 ? 'behind' : 'ahead of'} the database's by ${Math.abs(offMs) / 1000} s` : 'as the database\'s', hint: off ? 'let a time service set both (timedatectl set-ntp true)' : null },
    ]
  } catch (error) {
    return [{ name: 'database', level: 'bad', found: messageOf(error), hint: 'is it running, and does DATABASE_URL lead to it?' }]
  }
}

async function disk(home: string): Promise<ServerCheck[]> {
  const found = await statfs(home).catch(() => null)
  if (found === null) return []
  const free = Number(found.bavail) * Number(found.bsize)
  return [{ name: 'disk of the server', level: free < DISK_LOW ? 'bad' : 'ok', found: `${(free / GIGABYTE).toFixed(1)} GB free for ${home}`, hint: free < DISK_LOW ? 'free some space: repositories and backups are kept there' : null }]
}

function certificates({ tls, now }: CheckedServer): ServerCheck[] {
  return (tls?.states() ?? []).map(({ name, notAfter, issuer, refused }): ServerCheck => {
    const until = notAfter === null ? 'none yet' : `until ${new Date(notAfter).toISOString().slice(0, 16)}Z by ${issuer}`
    const again = refused === null || refused.nextTryAt === 0 ? '' : `; tried again at ${new Date(refused.nextTryAt).toISOString().slice(0, 16)}Z`
    const over = notAfter === null || notAfter < now()
    const ending = notAfter !== null && notAfter < now() + ENDING_MS
    if (refused === null) return { name: `certificate ${name}`, level: over ? 'bad' : 'ok', found: until, hint: over ? 'it is being asked for: see `berth server logs`' : null }
    return { name: `certificate ${name}`, level: over || ending ? 'bad' : 'note', found: `${until}; ${refused.message}${again}`, hint: refused.hint }
  })
}

/** A name that nobody made: only a wildcard answers to it. */
async function previewNames(config: ServerConfig): Promise<ServerCheck[]> {
  const base = previewBaseOf(config)
  if (base === null) return []
  const late = new Promise<null>((resolve) => { setTimeout(() => resolve(null), DNS_WITHIN_MS).unref() })
  const address = await Promise.race([lookup(`3000--berth-check.${base}`).then((answer) => answer.address, () => null), late])
  if (address === null) return [{ name: 'names of previews', level: 'bad', found: `*.${base} has no address`, hint: `make a wildcard DNS record *.${base} that leads to this server` }]
  return [{ name: 'names of previews', level: 'ok', found: `*.${base} leads to ${address}`, hint: null }]
}

/** The name that repositories are given out under leads here, and to nobody else. */
async function gitName({ config, installation }: CheckedServer): Promise<ServerCheck[]> {
  const url = config.hosting?.url
  if (url === undefined) return []
  const name = 'name of repositories'
  const hint = `let ${new URL(url).hostname} lead to this server, as its page's name does, and pass the name on (\`Host\`)`
  const answer = await fetch(new URL('/health', url), { redirect: 'manual', signal: AbortSignal.timeout(DNS_WITHIN_MS) }).catch(() => null)
  if (answer === null) return [{ name, level: 'bad', found: `${url} cannot be reached`, hint }]
  const said = z.object({ installation: z.string() }).safeParse(await answer.json().catch(() => null))
  if (!said.success || said.data.installation !== installation) return [{ name, level: 'bad', found: `${url} leads to something else`, hint }]
  return [{ name, level: url.startsWith('https:') ? 'ok' : 'note', found: `${url} leads here`, hint: url.startsWith('https:') ? null : 'without https, passwords of git travel as they are' }]
}
