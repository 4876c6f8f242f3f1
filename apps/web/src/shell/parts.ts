/**
 * What some first drawings need and others do not: the server draws it where it belongs and says so in the page, which
 * then has it before the script takes over; elsewhere it comes a little later, before it is wanted.
 */
import type { Boot } from '../boot.ts'
import type { Route } from '../state/session.ts'
import { bring } from './lazy.tsx'

export const ASK_STYLE_ID = 'ask-style'

const atHome = async () => (await Promise.all([import('../inbox/home.tsx'), askStyle()]))[0]
export const inbox = async () => (await atHome()).Inbox
export const home = async () => (await atHome()).Home
export const tiles = async () => (await atHome()).Tiles
export const decision = async () => (await Promise.all([import('../session/decision.tsx'), askStyle()]))[0].DecisionCard
export const askContent = async () => (await Promise.all([import('../session/ask-content.tsx'), askStyle()]))[0].AskContent
/** A page that is drawn with a question has it in itself. */
export const askStyle = async () => void (document.getElementById(ASK_STYLE_ID) ?? (await import('../session/ask-style.ts')))

/** Named after the file that is built of it. */
export type Part = 'home' | 'decision' | typeof ASK_STYLE_ID
const LOADERS: Record<Part, () => Promise<unknown>> = { home: () => Promise.all([bring(inbox), bring(home), bring(tiles)]), decision: () => bring(decision), [ASK_STYLE_ID]: askStyle }

/** `wide`: only where there is room for two panes. */
export interface Need { readonly part: Part; readonly wide: boolean }

export function needsOf(route: Route, boot: Pick<Boot, 'approvals'>): Need[] {
  if (route.at === 'nowhere') return []
  const asked = route.at === 'workspace' && boot.approvals.some(({ workspaceId }) => workspaceId === route.id)
  // Beside them is the list, where there is room.
  const wide = route.at === 'workspace' || route.at === 'settings' || route.at === 'repositories'
  return [{ part: 'home', wide }, { part: ASK_STYLE_ID, wide: wide && !asked }, ...(asked ? [{ part: 'decision', wide: false } as const] : [])]
}

/** One that does not come says so where it is shown. */
export async function bringParts(parts: readonly Part[]): Promise<void> {
  await Promise.all(parts.map((part) => LOADERS[part]().catch(() => undefined)))
}
