/**
 * What a workspace will clone, asked of its host while its machine still boots. The server sends through its own gateway what
 * git will send, as that workspace, so that rules, credentials, limits and audit are those of any fetch; the packs are kept,
 * and git finds them here. It is a help: whatever fails, the workspace's git asks for itself.
 */
import { packCommand, readFetchCommand, readHostCan, readShownRefs, refsCommand, repositoryAddress } from '@berth/core'
import type { Clock, DeployKeyStore, FetchCommand, GitHostStore, GitHubStore, HostCan, RepositoryAddress, WorkspaceRow } from '@berth/core'
import { LINK_HTTP } from '@berth/wire/daemon'
import type { Log } from '../http/respond.ts'
import { createBook } from './book.ts'
import type { Blobs } from './blobs-of.ts'
import type { Asking, GitGateway } from './gateway.ts'
import type { Asker, KeptPacks } from './kept-packs.ts'

export type AheadOf = Asking & Pick<WorkspaceRow, 'restore'>
export interface AskingAhead {
  /** Called when the first machine of a workspace is about to be made. Answers at once; resolves when nothing more is asked, and never fails. */
  ahead(workspace: AheadOf): Promise<void>
  stop(): Promise<void>
}
export interface AskingAheadDeps {
  readonly store: { readonly gitHosts: Pick<GitHostStore, 'list'>; readonly github: Pick<GitHubStore, 'list'>; readonly deployKeys: Pick<DeployKeyStore, 'of'> }
  readonly gateway: GitGateway
  readonly keptPacks: Pick<KeptPacks, 'find' | 'expect'>
  readonly blobs: Blobs
  readonly clock: Clock
  readonly log: Log
}

/** `question`: with which the history is found here. Null: the files come with it. */
interface Beginning { readonly can: HostCan; readonly shown: ReadonlyMap<string, string>; readonly coming: Response; readonly question: FetchCommand | null; readonly asker: Asker }

/** Of a request, below the repository. */
interface Parts { readonly rest: string; readonly body: string | null }

const SERVICE = 'git-upload-pack'
const AT_ONCE = 3
/** Hundreds of workspaces of one repository are made at once: what was asked for the first serves them. */
const AGAIN_MS = 60_000
const ASKED_LIMIT = 1000
/** For an answer to begin, and for what is short to come whole. The packs have a limit of their own, which a clone that reads them outlasts. */
const ANSWER_MS = 60_000
const FILES_MS = 10 * 60_000
const REFS_LIMIT_BYTES = 256 * 1024
/** What a machine sends in one request; more files are asked for by its git alone. */
const BLOBS_LIMIT = 10_000

export function createAskingAhead({ store, gateway, keptPacks, blobs, clock, log }: AskingAheadDeps): AskingAhead {
  const stopping = new AbortController()
  const running = new Map<string, Promise<void>>()
  const asked = createBook<true>({ clock, ms: AGAIN_MS, limit: ASKED_LIMIT })

  /** A host whose packs come through the gateway as they are: of a deploy key's there is a mirror, and what this server keeps itself is here. */
  const isLed = async ({ orgId }: Asking, address: RepositoryAddress): Promise<boolean> =>
    (await store.gitHosts.list(orgId)).some(({ origin }) => origin === address.origin) || ((await store.github.list(orgId)).some(({ origin }) => origin === address.origin) && await store.deployKeys.of(orgId, address) === null)

  const inTime = async <T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> => {
    const late = new AbortController()
    const timer = setTimeout(() => late.abort(new DOMException('the host did not answer in time', 'TimeoutError')), ANSWER_MS)
    try {
      return await work(AbortSignal.any([stopping.signal, late.signal]))
    } finally {
      clearTimeout(timer)
    }
  }
  const send = (workspace: Asking, at: RepositoryAddress, parts: Parts, signal: AbortSignal): Promise<Response> => gateway(workspace, requestOf(at, parts, signal), { ahead: true })
  const shortOf = (workspace: Asking, at: RepositoryAddress, parts: Parts): Promise<Uint8Array> => inTime(async (signal) => wholeOf(await send(workspace, at, parts, signal)))
  const packOf = (workspace: Asking, at: RepositoryAddress, body: string): Promise<Response> => inTime((signal) => send(workspace, at, { rest: SERVICE, body }, signal))

  /** As the daemon does: `apart`, git fetches the contents of files by itself, those that it checks out. */
  const beginning = async (workspace: Asking, at: RepositoryAddress, apart: boolean): Promise<Beginning | null> => {
    const asker = { orgId: workspace.orgId, workspaceId: workspace.id, ...at, own: true }
    const over = keptPacks.expect(asker)
    try {
      const can = readHostCan(await shortOf(workspace, at, { rest: `info/refs?service=${SERVICE}`, body: null }))
      const shown = can === null ? null : readShownRefs(await shortOf(workspace, at, { rest: SERVICE, body: refsCommand(can) }))
      if (can === null || shown === null || shown.size === 0) return null
      const command = packCommand(can, new Set(shown.values()), apart && can.filter)
      const coming = await packOf(workspace, at, command)
      const question = apart && can.filter ? readFetchCommand(new TextEncoder().encode(command)) : null
      return { can, shown, coming, question, asker }
    } finally {
      over()
    }
  }
  const ask = async (workspace: Asking, at: RepositoryAddress, { url, branch }: { url: string; branch?: string | undefined }): Promise<void> => {
    const begun = await beginning(workspace, at, /^https?:/.test(url))
    if (begun === null) return
    const { can, shown, coming, question, asker } = begun
    const start = startOf(shown, branch)
    const history = start === null || question === null ? null : await keptPacks.find(asker, question)
    const files = start === null || history === null ? null : filesOf(history, { start, can, at })
    await drained(coming)
    if (files === null) return
    // The workspace has its history at this moment too, and would ask for its files by itself.
    const over = keptPacks.expect(asker)
    try {
      const wants = await files
      const rest = wants.length === 0 ? null : await packOf(workspace, at, packCommand(can, wants, true))
      over()
      if (rest !== null) await drained(rest)
    } finally {
      over()
    }
  }
  /** The contents that git asks for when it checks `start` out. None: they are not to be asked for here. */
  const filesOf = (history: Response, { start, can, at }: { start: string; can: HostCan; at: RepositoryAddress }): Promise<readonly string[]> =>
    blobs(history.body ?? new ReadableStream(), { start, objectFormat: can.objectFormat, atMost: BLOBS_LIMIT, signal: AbortSignal.any([stopping.signal, AbortSignal.timeout(FILES_MS)]) }).catch((error: unknown) => {
      log(`${at.origin}/${at.path}: its files are not asked for ahead: ${error instanceof Error ? error.message : String(error)}`)
      return []
    })
  return {
    async ahead(workspace) {
      const { source } = workspace
      const at = source.kind === 'git' && (workspace.restore ?? null) === null ? repositoryAddress(source.url) : null
      if (source.kind !== 'git' || at === null || stopping.signal.aborted) return
      const repository = [workspace.orgId, at.origin, at.path].join('\n')
      const whole = [repository, source.branch ?? '', source.url].join('\n')
      if (running.has(repository) || running.size >= AT_ONCE || asked.get(whole) !== null) return
      asked.put(whole, true)
      const work = isLed(workspace, at).then((led) => (led ? ask(workspace, at, source) : undefined))
        .catch((error: unknown) => { if (!stopping.signal.aborted) log(`${workspace.id}: its clone is not asked for ahead: ${error instanceof Error ? error.message : String(error)}`) })
        .finally(() => running.delete(repository))
      running.set(repository, work)
      return work
    },
    async stop() {
      stopping.abort(new DOMException('the server stops', 'AbortError'))
      await Promise.all(running.values())
    },
  }
}

function requestOf({ origin, path }: RepositoryAddress, { rest, body }: Parts, signal: AbortSignal): Request {
  const { protocol, host } = new URL(origin)
  const headers = { 'git-protocol': 'version=2', ...(body === null ? {} : { 'content-type': 'application/x-git-upload-pack-request' }) }
  return new Request(`http://link${LINK_HTTP.upstream}/${protocol.slice(0, -1)}/${host}/${path}.git/${rest}`, { method: body === null ? 'GET' : 'POST', headers, body, signal })
}

/** As `git clone --branch` looks for it, or the host's own. */
function startOf(shown: ReadonlyMap<string, string>, branch: string | undefined): string | null {
  return (branch === undefined ? shown.get('HEAD') : shown.get(`refs/heads/${branch}`) ?? shown.get(`refs/tags/${branch}`)) ?? null
}

const drained = async (response: Response): Promise<void> => response.body?.pipeTo(new WritableStream())

async function wholeOf(response: Response): Promise<Uint8Array> {
  const pieces: Uint8Array[] = []
  let size = 0
  for await (const piece of response.body ?? []) {
    size += piece.length
    if (size > REFS_LIMIT_BYTES) throw new Error('it has more refs than are looked at')
    pieces.push(piece)
  }
  return Buffer.concat(pieces)
}
