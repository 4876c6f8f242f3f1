/**
 * The listener of previews. It is another one than the control listener: no route of ours is behind it, whatever a
 * request is called, and a page of a workspace has no way to speak to the API in its own origin's name.
 */
import { phaseOf, reaches } from '@berth/core'
import type { Clock, Daemons, Store, WorkspaceRecord } from '@berth/core'
import { BerthError } from '@berth/wire'
import type { WorkspaceId } from '@berth/wire'
import type { Gate } from '../access/gate.ts'
import { asBerthError } from '../http/respond.ts'
import type { Caller } from '../http/credentials.ts'
import { readHead } from './body.ts'
import type { ClientConnection } from './client-connection.ts'
import { controlSide, ENTER_PATH, leftBehind, OWN_PATHS, previewSide, START_PATH, toControl } from './entering.ts'
import { exchange, NOT_LISTENING } from './exchange.ts'
import { encodeHead, framingOfRequest, parseRequestHead, staysOpen, valueOf } from './http1.ts'
import type { RequestHead } from './http1.ts'
import { rememberNames } from './hosts.ts'
import type { PreviewHosts } from './hosts.ts'
import { notAnswering, notListening, noSuchWorkspace, onItsWay, redirect, refusalJson, stopped } from './pages.ts'
import type { Answer } from './pages.ts'
import { createSites } from './sites.ts'
import { createServerConnections } from './upstream.ts'
import { createWatch } from './watch.ts'
import type { Visit } from './watch.ts'
import { createVisitors, isByPerson, isNavigation } from './visitors.ts'

export interface PreviewsDeps {
  readonly store: Pick<Store, 'previews' | 'getWorkspace'>
  readonly clock: Clock
  readonly daemons: Pick<Daemons, 'connected' | 'openStream'>
  readonly hosts: PreviewHosts
  readonly pageUrl: string
  readonly gate: Pick<Gate, 'require' | 'levelOf'>
  /** Wishes it to run. */
  start(id: WorkspaceId): Promise<unknown>
  readonly log: (line: string) => void
}
export interface Previews {
  readonly hosts: PreviewHosts
  /** Serves a visitor's connection to its end. */
  serve(visitor: ClientConnection): Promise<void>
  /** Null: not one of its paths on the control listener. */
  onControl(request: Request, caller: Caller): Promise<Response> | null
  /** Settings, sessions or links changed. */
  changed(id?: WorkspaceId): void
  close(): void
}

export function createPreviews(deps: PreviewsDeps): Previews {
  const { hosts, store, clock } = deps
  const sites = createSites({ store, clock, hosts })
  const visitors = createVisitors({ previews: store.previews, clock, hosts, mayVisit: async (userId, id) => reaches(await deps.gate.levelOf(userId, id), 'visit') })
  const connections = createServerConnections(deps)
  const nameFor = rememberNames(hosts)
  const watch = createWatch({
    log: deps.log,
    async mayGoOn({ head, site: before }) {
      const name = hosts.named(valueOf(head.headers, 'host') ?? '')
      const site = name === null ? null : await sites.find(name)
      return site?.workspaceId === before.workspaceId && (await visitors.admit(head, site)).as !== null
    },
  })

  /** An answer of our own; null: the dev server gave one, and `kept` says whether the connection goes on. */
  async function answerTo(visitor: ClientConnection, head: RequestHead): Promise<{ own: Answer } | { kept: boolean }> {
    const name = nameFor(visitor, valueOf(head.headers, 'host') ?? '')
    const found = name === null ? null : sites.find(name)
    const site = found instanceof Promise ? await found : found
    if (site === null) return { own: isNavigation(head) ? noSuchWorkspace() : refusalJson(new BerthError('not_found', 'there is no such workspace')) }
    if (head.target.startsWith(OWN_PATHS)) return { own: await previewSide({ store, clock, pageUrl: deps.pageUrl }, site, head) }
    const admission = await visitors.admit(head, site)
    if (admission.as === null) return { own: withHeaders(notAdmitted(deps.pageUrl, { head, site }, admission.because), leftBehind(site, head)) }
    const visit: Visit = { visitor, head, site }
    if (!deps.daemons.connected(site.workspaceId)) return { own: await away(visit, admission.as) }
    watch.begin(visit)
    try {
      return { kept: await exchange(connections, { visitor, head, workspaceId: site.workspaceId, place: { port: site.port, origin: site.origin, hostHeader: site.settings?.hostHeader ?? 'preview' } }) }
    } catch (thrown) {
      return { own: await failed(visit, admission.as, asBerthError(thrown, deps.log)) }
    } finally {
      watch.end(visit)
    }
  }

  async function failed(visit: Visit, as: 'session' | 'link' | 'public', error: BerthError): Promise<Answer> {
    const { head, site } = visit
    if (!isNavigation(head) || error.code === 'bad_request') return refusalJson(error)
    if (error.code === 'daemon_unreachable') return away(visit, as)
    return error.details?.['reason'] === NOT_LISTENING ? notListening(site.workspace, site.port) : notAnswering(site.workspace, error)
  }

  async function away({ head, site }: Visit, as: 'session' | 'link' | 'public'): Promise<Answer> {
    const record = await store.getWorkspace(site.workspaceId)
    if (record === null) return noSuchWorkspace()
    const { phase } = phaseOf(record, clock.now())
    const resting = phase === 'stopped' || phase === 'sleeping'
    if (resting && site.settings?.wake === true && isByPerson(head)) {
      await deps.start(site.workspaceId)
      return onItsWay(site.workspace, 'starting')
    }
    if (!isNavigation(head)) return refusalJson(awayError(record, phase))
    if (!resting && phase !== 'failed') return onItsWay(site.workspace, phase)
    return as === 'session' ? redirect(toControl(deps.pageUrl, START_PATH, `${site.origin}${head.target}`)) : stopped(site.workspace)
  }

  async function next(visitor: ClientConnection): Promise<boolean> {
    visitor.quietSince = performance.now()
    const bytes = await readHead(visitor)
    if (bytes === null) return false
    visitor.quietSince = null
    const head = parseRequestHead(bytes)
    const outcome = await answerTo(visitor, head)
    if ('kept' in outcome) return outcome.kept
    // Whoever does not take what we say is quiet too: it needs no credential to come this far.
    visitor.quietSince = performance.now()
    return await say(visitor, head, outcome.own)
  }

  return {
    hosts,
    async serve(visitor) {
      watch.came(visitor)
      try {
        while (!visitor.closed && (await next(visitor)));
      } catch (thrown) {
        if (visitor.closed) return
        const error = asBerthError(thrown, deps.log)
        await say(visitor, null, refusalJson(error))
      }
      visitor.quietSince = performance.now()
      visitor.end()
    },
    onControl(request, caller) {
      const { pathname } = new URL(request.url)
      if (pathname !== ENTER_PATH && pathname !== START_PATH) return null
      return controlSide({ hosts, sites, store, clock, gate: deps.gate, start: async ({ workspaceId }) => { await deps.start(workspaceId) } }, request, caller)
    },
    changed(id) {
      visitors.forget()
      if (id !== undefined) sites.forget(id)
      watch.look(id)
    },
    close() {
      watch.stop()
      connections.close()
    },
  }
}

function notAdmitted(pageUrl: string, { head, site }: Pick<Visit, 'head' | 'site'>, because: 'unknown' | 'foreign'): Answer {
  if (because === 'foreign') return refusalJson(new BerthError('forbidden', 'the request comes from another site', { hint: 'a private preview answers the pages of its own workspace' }))
  if (isNavigation(head)) return redirect(toControl(pageUrl, ENTER_PATH, `${site.origin}${head.target}`))
  return refusalJson(new BerthError('unauthorized', 'this preview is private', { hint: `open ${site.origin} in a browser that is signed in, or use a share link` }))
}

const withHeaders = (answer: Answer, more: Answer['headers']): Answer => ({ ...answer, headers: [...answer.headers, ...more] })

function awayError({ workspace }: WorkspaceRecord, phase: string): BerthError {
  return new BerthError('workspace_not_running', `${workspace.name} is ${phase}`, { hint: `start it with \`berth start ${workspace.name}\``, details: { phase } })
}

/** A body that came with the request is not read: the connection ends with it. */
async function say(visitor: ClientConnection, head: RequestHead | null, { status, headers, body }: Answer): Promise<boolean> {
  const bytes = Buffer.from(body)
  const keep = head !== null && staysOpen(head) && framingOfRequest(head).by === 'none'
  const start = encodeHead(`HTTP/1.1 ${status} ${REASON[status] ?? ''}`, [...headers, ['date', new Date().toUTCString()], ['content-length', String(bytes.length)], ...(keep ? [] : [['connection', 'close'] as const])])
  await visitor.write(head?.method === 'HEAD' ? start : Buffer.concat([start, bytes]))
  return keep
}

const REASON: Readonly<Record<number, string>> = { 303: 'See Other', 400: 'Bad Request', 401: 'Unauthorized', 403: 'Forbidden', 404: 'Not Found', 429: 'Too Many Requests', 502: 'Bad Gateway', 503: 'Service Unavailable' }
