/**
 * The page as the server draws it: the same components, once, without a browser. The state of the page is module
 * state, so a drawing is one synchronous run: it sets everything, draws, and leaves nothing for the next one.
 */
import { renderToString } from 'preact-render-to-string'
import { App } from './app.tsx'
import { begin } from './begin.ts'
import { BOOT_ID, type Boot } from './boot.ts'
import { forgetStreams } from './state/live.ts'
import { parseRoute, route } from './state/session.ts'

export type { Boot } from './boot.ts'
export { parseRoute } from './state/session.ts'
export { WINDOW } from './session/stream-pane.tsx'

/** The inside of the page's body, and what the script begins with. */
export function renderPage(path: string, boot: Boot): { html: string; boot: string } {
  try {
    route.value = parseRoute(path)
    begin(boot)
    return { html: renderToString(<App />), boot: `<script type="application/json" id="${BOOT_ID}">${JSON.stringify(boot).replaceAll('<', '\\u003c')}</script>` }
  } finally {
    forgetStreams()
    begin({ now: 0, workspaces: [], approvals: [], stream: null })
  }
}
