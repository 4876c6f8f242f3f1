/** Before a machine is made: can the server read the repository at all, and if not, what does a person do about it? */
import type { Client } from '@berth/client'
import { BerthError } from '@berth/wire/error'
import type { RepositoryReach } from '@berth/wire/repositories'
import { cleanLine } from '../clean.ts'
import type { Connection, Context } from '../context.ts'
import { pause } from '../pause.ts'
import { tryGit } from '../source/git.ts'
import type { Source } from '../source/source.ts'
import { timed, type Timeline } from './timeline.ts'

interface Run { readonly context: Context; readonly connection: Connection; readonly timeline: Timeline }
/** `wait`: for as long, until a person connected it; null: not at all. */
interface Patience { readonly waitMs: number | null }

const EVERY_MS = 2000
const LINE = 400
/** What ssh reaches is brought by this machine, unless the server has a way of its own. */
const BY_SSH = /^(?:ssh:\/\/|[\w.-]+@[\w.-]+:)/

export async function reachRepository(run: Run, source: Exclude<Source, { kind: 'word' }>, patience: Patience): Promise<Exclude<Source, { kind: 'word' }>> {
  if (source.kind === 'fetched' && BY_SSH.test(source.url)) return (await reachOf(run, source.url))?.state === 'connected' ? { kind: 'url', url: source.url } : source
  if (source.kind !== 'url') return source
  const reach = await reachOf(run, source.url)
  if (reach === null || !isClosed(reach)) return source
  const link = await linkFor(run, reach)
  say(run.context, reach, link)
  if (link === null || patience.waitMs === null) return source
  await timed(run.timeline, { key: 'cli-connect', title: 'Wait until the repository is connected' }, async () => ({ value: await connected(run, source.url, { link, waitMs: patience.waitMs ?? 0 }) }))
  return source
}

const isClosed = ({ state }: RepositoryReach): boolean => state === 'not-installed' || state === 'not-connected'

/** Null: an older server, or somebody who may not ask. */
async function reachOf({ context, connection }: Run, url: string): Promise<RepositoryReach | null> {
  try {
    return await connection.client.checkRepository({ url }, context.signal)
  } catch (error) {
    if (error instanceof BerthError && error.code !== 'cancelled') return null
    throw error
  }
}

async function linkFor({ context, connection }: Run, { installUrl, connectOrigin }: RepositoryReach): Promise<string | null> {
  if (installUrl !== null) return installUrl
  if (connectOrigin === null) return null
  return connection.client.beginGitHubSetup({ origin: connectOrigin }, context.signal).then(({ url }) => url, () => null)
}

function say({ io }: Context, { message, hint, installUrl }: RepositoryReach, link: string | null): void {
  io.note(`${io.noteStyle.yellow('⚠')} ${cleanLine(message ?? 'the repository cannot be read', LINE)}`)
  if (link === null) return hint === null ? undefined : io.note(`  ${cleanLine(hint, LINE)}`)
  io.note(`  ${installUrl === null ? 'Connect it' : 'Choose it'} here: ${cleanLine(link, LINE)}`)
}

async function connected(run: Run, url: string, { link, waitMs }: { link: string; waitMs: number }): Promise<void> {
  const { context, timeline } = run
  const until = performance.now() + waitMs
  let shown = link
  for (let looked = 1; ; looked++) {
    const reach = await reachOf(run, url)
    if (reach !== null && !isClosed(reach)) return
    // The app is there now, and does not reach the repository yet.
    if (reach?.installUrl && reach.installUrl !== shown) {
      shown = reach.installUrl
      timeline.notice(`choose the repository: ${cleanLine(shown, LINE)}`)
    }
    if (performance.now() > until) throw new BerthError('timeout', 'the repository was not connected in time', { hint: `when it is, run this again: ${cleanLine(shown, LINE)}` })
    timeline.progress(`looked ${looked === 1 ? 'once' : `${looked} times`}`)
    await pause(EVERY_MS, context.signal)
    if (context.signal.aborted) throw new BerthError('cancelled', 'cancelled')
  }
}

/** Where the server does not know who commits, it learns it from the git of this machine; what a person said there stays. */
export async function tellIdentity({ cwd, signal }: Context, client: Client): Promise<void> {
  try {
    const { from } = await client.getCommitIdentity(undefined, signal)
    if (from !== 'none') return
    const [name, email] = await Promise.all(['user.name', 'user.email'].map(async (key) => (await tryGit(['config', '--get', key], { cwd, signal })).stdout.trim()))
    if (name && email) await client.setCommitIdentity({ name, email, found: true }, signal)
  } catch (error) {
    // Its commits are by nobody in particular then.
    if (signal.aborted) throw error
  }
}
