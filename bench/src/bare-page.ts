/** The least page that shows what comes on a socket: one paragraph. What it takes is the browser's. */
import { PHONE, SLOWDOWN } from './browser.ts'
import type { Browser, Page } from 'playwright-core'

export interface BarePage { readonly page: Page; say(text: string): void; close(): Promise<void> }

const HTML = `<!doctype html><html lang="en"><meta name="viewport" content="width=device-width"><p id="said">nothing yet</p>
<script>new WebSocket(location.href.replace('http', 'ws')).onmessage = ({ data }) => { said.textContent = JSON.parse(data).text }</script>`

/** `prepare`: done to the page before anything runs in it. */
export async function openBarePage(browser: Browser, prepare: () => void): Promise<BarePage> {
  const server = Bun.serve<undefined>({
    port: 0, hostname: '127.0.0.1',
    fetch(request, here): Response | undefined {
      return here.upgrade(request, { data: undefined }) ? undefined : new Response(HTML, { headers: { 'content-type': 'text/html' } })
    },
    websocket: { open: (socket) => void socket.subscribe('said'), message: () => undefined },
  })
  const context = await browser.newContext(PHONE)
  const page = await context.newPage()
  await page.addInitScript(prepare)
  const joined = page.waitForEvent('websocket')
  await page.goto(server.url.href)
  await joined
  const session = await context.newCDPSession(page)
  await session.send('Emulation.setCPUThrottlingRate', { rate: SLOWDOWN })
  return {
    page,
    say: (text) => void server.publish('said', JSON.stringify({ type: 'events', text })),
    async close() {
      await context.close()
      await server.stop(true)
    },
  }
}
