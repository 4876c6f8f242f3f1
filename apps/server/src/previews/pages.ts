/** What a preview's place shows while there is no app to show. Readable without scripts; programs get JSON. */
import { HTTP_STATUS } from '@berth/wire'
import type { BerthError, WorkspacePhase } from '@berth/wire'
import { escapeHtml, plainPage } from '../http/signed-out-page.ts'
import type { PlainPage } from '../http/signed-out-page.ts'
import { SECURITY_HEADERS } from '../http/respond.ts'

/** An answer of our own. */
export interface Answer { readonly status: number; readonly headers: readonly (readonly [string, string])[]; readonly body: string }

const LOOK_AGAIN_S = 2
const COMMON: Answer['headers'] = [...Object.entries(SECURITY_HEADERS), ['cache-control', 'no-store']]

function page(status: number, body: string, more: PlainPage): Answer {
  const { html, policy } = plainPage(body, more)
  const again: Answer['headers'] = more.refreshSeconds === undefined ? [] : [['retry-after', String(more.refreshSeconds)]]
  return { status, headers: [...COMMON, ...again, ['content-type', 'text/html; charset=utf-8'], ['content-security-policy', policy]], body: html }
}

export function redirect(location: string, more: Answer['headers'] = []): Answer {
  return { status: 303, headers: [...COMMON, ['location', location], ...more], body: '' }
}

export function refusalJson(error: BerthError): Answer {
  return { status: statusOf(error), headers: [...COMMON, ['content-type', 'application/json']], body: JSON.stringify(error.toBody()) }
}

/** For a preview a workspace that does not run is a server that is away. */
const statusOf = ({ code }: BerthError): number => (code === 'workspace_not_running' || code === 'too_many' ? 503 : code === 'internal' ? 502 : HTTP_STATUS[code])

export function noSuchWorkspace(): Answer {
  return page(404, '<h1>There is no such workspace</h1><p>It was deleted, or the address has a mistake. It is the port, two dashes and the name: <b>3000--name</b>.</p>', { title: 'No such workspace' })
}

export function notListening(workspace: string, port: number): Answer {
  return page(502, `<h1>Nothing listens on port ${port} yet</h1><p><b>${escapeHtml(workspace)}</b> runs. As soon as a server in it answers, it appears here.</p><p class="meta">This page looks again by itself.</p>`, { title: `:${port} · ${workspace}`, refreshSeconds: LOOK_AGAIN_S })
}

export function notAnswering(workspace: string, error: BerthError): Answer {
  return page(statusOf(error), `<h1>No answer from the server</h1><p>In <b>${escapeHtml(workspace)}</b>: ${escapeHtml(error.message)}.</p>${error.hint === undefined ? '' : `<p class="meta">${escapeHtml(error.hint)}</p>`}`, { title: `No answer · ${workspace}` })
}

export function onItsWay(workspace: string, phase: WorkspacePhase): Answer {
  const words = phase === 'stopping' ? 'is being stopped' : phase === 'running' || phase === 'unreachable' || phase === 'recovery' ? 'is out of reach for a moment' : 'is starting'
  return page(503, `<h1><b>${escapeHtml(workspace)}</b> ${words}</h1><p>Its server appears here as soon as it answers.</p><p class="meta">This page looks again by itself.</p>`, { title: `${workspace} ${words}`, refreshSeconds: LOOK_AGAIN_S })
}

export function stopped(workspace: string): Answer {
  return page(503, `<h1><b>${escapeHtml(workspace)}</b> is stopped</h1><p>Whoever owns it can start it again.</p>`, { title: `${workspace} is stopped` })
}

export function linkIsOver(): Answer {
  return page(401, '<h1>This link is no longer good</h1><p>It has ended, or a newer one took its place. Ask whoever sent it for another.</p>', { title: 'The link is over' })
}

export function couldNotEnter(retry: string): Answer {
  return page(401, `<h1>That took too long</h1><p>The way in is open for a minute, once.</p><a class="act" href="${escapeHtml(retry)}">Try again</a>`, { title: 'Not signed in' })
}
