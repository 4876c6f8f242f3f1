/**
 * What some first drawings need and others do not: the server draws it where it belongs and says so in the page, which
 * then has it before the script takes over; elsewhere it comes a little later, before it is wanted.
 */
import type { ComponentType } from 'preact'
import type { Boot } from '../boot.ts'
import type { Route } from '../state/session.ts'
import { bring } from './lazy.tsx'

export const inbox = async () => (await import('../inbox/inbox.tsx')).Inbox
export const decision = async () => (await import('../session/decision.tsx')).DecisionCard

/** Named after the file that is built of it. */
export type Part = 'inbox' | 'decision'
const LOADERS: Record<Part, () => Promise<ComponentType<never>>> = { inbox, decision }

/** `wide`: only where there is room for two panes. */
export interface Need { readonly part: Part; readonly wide: boolean }

export function needsOf(route: Route, boot: Pick<Boot, 'approvals'>): Need[] {
  if (route.at === 'nowhere') return []
  const asked = route.at === 'workspace' && boot.approvals.some(({ workspaceId }) => workspaceId === route.id)
  return [{ part: 'inbox', wide: route.at !== 'list' && route.at !== 'new' }, ...(asked ? [{ part: 'decision', wide: false } as const] : [])]
}

/** One that does not come says so where it is shown. */
export async function bringParts(parts: readonly Part[]): Promise<void> {
  await Promise.all(parts.map((part) => bring(LOADERS[part]).catch(() => undefined)))
}
