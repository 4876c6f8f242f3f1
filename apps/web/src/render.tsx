/**
 * The page as the server draws it: the same components, once, without a browser. The state of the page is module
 * state, so a drawing is one synchronous run: it sets everything, draws, and leaves nothing for the next one.
 */
import { renderToString } from 'preact-render-to-string'
import { App } from './app.tsx'
import { begin } from './begin.ts'
import { BOOT_ID, type Boot } from './boot.ts'
import { Home, Inbox, Tiles } from './inbox/home.tsx'
import { DecisionCard } from './session/decision.tsx'
import { put } from './shell/lazy.tsx'
import { decision, home, inbox, needsOf, tiles, type Need } from './shell/parts.ts'
import { forgetStreams } from './state/live.ts'
import { parseRoute, route } from './state/session.ts'

export type { Boot } from './boot.ts'
export type { Need } from './shell/parts.ts'
export { parseRoute } from './state/session.ts'
export { WINDOW } from './session/stream-pane.tsx'

put(inbox, Inbox)
put(home, Home)
put(tiles, Tiles)
put(decision, DecisionCard)

/** The inside of the page's body, and what the script begins with; what else it needs for that. */
export function renderPage(path: string, boot: Boot): { html: string; boot: string; needs: readonly Need[] } {
  try {
    route.value = parseRoute(path)
    begin(boot)
    return { html: renderToString(<App />), boot: `<script type="application/json" id="${BOOT_ID}">${JSON.stringify(boot).replaceAll('<', '\\u003c')}</script>`, needs: needsOf(route.value, boot) }
  } finally {
    forgetStreams()
    begin({ now: 0, workspaces: [], approvals: [], stream: null })
  }
}
