/** Creates a workspace and brings the code of this machine to it. */
import { mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { CodeSource, Workspace } from '@berth/wire'
import type { Input } from '@berth/client'
import { BerthError } from '@berth/wire/error'
import { textOf } from '@berth/wire/git-bytes'
import { cleanLine } from '../clean.ts'
import type { Connection, Context } from '../context.ts'
import { listDirectory, sendArchive } from '../source/archive.ts'
import { fetchSnapshot, pushSnapshot } from '../source/push.ts'
import { takeSnapshot } from '../source/snapshot.ts'
import { nameFromPath, type Source } from '../source/source.ts'
import { bytes, plural } from '../words.ts'
import { timed, type Timeline } from './timeline.ts'

type Request = Omit<Input<'createWorkspace'>, 'source'>
export interface Creation {
  readonly source: Exclude<Source, { kind: 'word' }>
  readonly branch: string | undefined
  readonly include: readonly string[]
  readonly request: Request
  readonly yes: boolean
}
interface Run { readonly context: Context; readonly connection: Connection; readonly timeline: Timeline }
/** What is left to do when the workspace exists: null when the server gets the code by itself. */
interface Prepared { readonly source: CodeSource; readonly name?: string; readonly outline?: readonly string[]; readonly send: ((workspace: Workspace) => Promise<string>) | null }

export async function createFrom(run: Run, creation: Creation): Promise<Workspace> {
  const scratch = await realpath(await mkdtemp(join(tmpdir(), 'berth-up-')))
  try {
    // Whatever can be wrong with the code is found before anything is made.
    const { source, name, outline, send } = await prepare(run, creation, scratch)
    const workspace = await create(run, { ...creation.request, source, ...(outline === undefined ? {} : { outline: [...outline] }), ...(creation.request.name ?? name ? { name: creation.request.name ?? name } : {}) }, creation)
    if (!send) return workspace
    return await deliver(run, workspace, send)
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

async function deliver(run: Run, workspace: Workspace, send: (workspace: Workspace) => Promise<string>): Promise<Workspace> {
  const { client } = run.connection
  try {
    await timed(run.timeline, { key: 'cli-send', title: 'Send the code' }, async () => ({ value: null, detail: await send(workspace) }))
    return await client.sourceReady({ id: workspace.id }, run.context.signal)
  } catch (error) {
    // Without this it would wait for code that never comes. The signal may have fired; the server must still hear it.
    const interrupted = run.context.signal.aborted
    const message = interrupted ? 'the upload was interrupted' : error instanceof Error ? error.message : String(error)
    await client.sourceFailed({ id: workspace.id, message: message.slice(0, 2000) }, AbortSignal.timeout(5000)).catch(() => undefined)
    if (interrupted) run.timeline.notice(`${workspace.name} is left without its code`, `berth delete ${workspace.name} -y`)
    throw error
  }
}

/** A name that we derived may be taken; the server's own derivation then finds a free one. */
async function create(run: Run, request: Input<'createWorkspace'>, creation: Creation): Promise<Workspace> {
  const { context, connection } = run
  const idempotencyKey = crypto.randomUUID()
  const call = (more: Partial<Input<'createWorkspace'>>) => connection.client.createWorkspace({ ...request, ...more, idempotencyKey }, context.signal)
  try {
    return await call({})
  } catch (error) {
    if (!(error instanceof BerthError) || error.details?.['needs'] !== 'acceptNoIsolation') throw error
    if (!creation.yes) {
      if (!context.io.interactive) throw error
      run.timeline.end()
      context.io.note(`${context.io.noteStyle.yellow('⚠')} ${cleanLine(error.message)}`)
      if (!/^y(es)?$/i.test(await context.io.ask('Run it all the same? [y/N] '))) throw new BerthError('cancelled', 'nothing was made')
    }
    return await call({ acceptNoIsolation: true })
  }
}

async function prepare(run: Run, creation: Creation, scratch: string): Promise<Prepared> {
  const { source, branch } = creation
  switch (source.kind) {
    case 'url': return { source: { kind: 'git', url: source.url, ...wanted(branch) }, send: null }
    case 'fetched': return prepareFetched(run, { ...creation, source }, scratch)
    case 'repository': return prepareRepository(run, { ...creation, source }, scratch)
    case 'directory': return prepareDirectory(run, { ...creation, source }, scratch)
  }
}

/** Forty hexadecimal digits are a commit. */
function wanted(branch: string | undefined): { branch?: string; commit?: string } {
  if (branch === undefined) return {}
  return /^[0-9a-f]{40}$/.test(branch) ? { commit: branch } : { branch }
}

async function prepareFetched({ context, connection, timeline }: Run, { source, branch }: Creation & { source: { kind: 'fetched'; url: string; label: string } }, scratch: string): Promise<Prepared> {
  const { signal } = context
  const onProgress = (line: string): void => timeline.progress(percent(line))
  const snapshot = await timed(timeline, { key: 'cli-fetch', title: 'Fetch with your own access' }, async () => ({ value: await fetchSnapshot({ url: source.url, branch, scratch }, { signal, onProgress }) }))
  return {
    source: { kind: 'hosted', label: source.label },
    send: async ({ id }) => {
      await pushSnapshot(scratch, snapshot, { target: { ...connection.endpoint, id }, signal, onProgress })
      return snapshot.head.slice(0, 10)
    },
  }
}

async function prepareRepository({ context, connection, timeline }: Run, creation: Creation & { source: { kind: 'repository'; top: string; bare: boolean } }, scratch: string): Promise<Prepared> {
  const { signal } = context
  const { top, bare } = creation.source
  if (creation.branch !== undefined) throw new BerthError('bad_request', 'a directory comes as it is checked out', { hint: `git checkout ${cleanLine(creation.branch)} first, or use \`berth up file://${top} --branch ${cleanLine(creation.branch)}\`` })
  const snapshot = await timed(timeline, { key: 'cli-snapshot', title: 'Read the repository' }, async () => {
    const value = await takeSnapshot({ top, bare, scratch, include: creation.include, signal })
    return { value, detail: `${value.branch ?? 'detached'} at ${value.head.slice(0, 10)}${value.wip ? ', with uncommitted work' : ''}` }
  })
  for (const notice of snapshot.notices) timeline.notice(notice)
  sayKept(timeline, snapshot.kept)
  return {
    source: { kind: 'hosted', label: top }, outline: snapshot.outline,
    ...(creation.request.name === undefined ? {} : { name: creation.request.name }),
    send: async ({ id }) => {
      const notices = await pushSnapshot(top, snapshot, { target: { ...connection.endpoint, id }, signal, onProgress: (line) => timeline.progress(percent(line)) })
      for (const notice of notices) timeline.notice(notice)
      return snapshot.wip ? 'commits and uncommitted work' : 'commits'
    },
  }
}

async function prepareDirectory({ context, connection, timeline }: Run, creation: Creation & { source: { kind: 'directory'; path: string } }, scratch: string): Promise<Prepared> {
  const { signal } = context
  const { path } = creation.source
  const listing = await timed(timeline, { key: 'cli-list', title: 'Read the directory' }, async () => {
    const value = await listDirectory(path, { scratch, include: creation.include, signal })
    return { value, detail: `${plural(value.files.length, 'file')}, ${bytes(value.sizeBytes)}` }
  })
  if (listing.nested.length > 0) timeline.notice(`left at home, repositories of their own: ${listing.nested.slice(0, 5).join(', ')}`)
  sayKept(timeline, listing.kept)
  if (listing.files.length === 0) return { source: { kind: 'empty' }, name: nameFromPath(path), send: null }
  return {
    source: { kind: 'archive', label: path },
    outline: listing.files.map(textOf).filter((file) => !file.includes('/') || /^\.devcontainer\/(?:[^/]+\/)?devcontainer\.json$/.test(file)).slice(0, 2000),
    send: async ({ id }) => `${bytes(await sendArchive(listing, { endpoint: connection.endpoint, id, signal, onSent: (sent) => timeline.progress(bytes(sent)) }))} compressed`,
  }
}

function sayKept(timeline: Timeline, kept: readonly string[]): void {
  if (kept.length === 0) return
  const shown = kept.slice(0, 6).map((name) => cleanLine(name, 80))
  timeline.notice(`left at home because they look like secrets: ${shown.join(', ')}${kept.length > 6 ? ` and ${kept.length - 6} more` : ''}`, `--include ${shown[0]} sends it all the same`)
}

/** "Writing objects: 45% (9/20), 1.2 MiB" → "45%". */
function percent(line: string): string {
  return line.match(/\d{1,3}%/)?.[0] ?? ''
}
