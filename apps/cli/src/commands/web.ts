import { atMost, command } from '../command.ts'
import { openInBrowser } from '../open-in-browser.ts'
import { showQr } from '../phone-link.ts'
import { resolveWorkspace } from '../resolve.ts'

export const web = command({
  name: 'web',
  summary: 'Open a workspace, or the list, in the browser, signed in',
  arguments: '[workspace]',
  options: { 'no-open': { type: 'boolean', help: 'only print the one-time link' }, qr: { type: 'boolean', help: 'show it as a QR code for your phone' } },
  examples: ['berth web', 'berth web demo', 'berth web demo --no-open', 'berth web --qr'],
  parse({ values, positionals }) {
    atMost(1, positionals, 'web')
    return { word: positionals[0], open: values['no-open'] !== true && values.qr !== true, qr: values.qr === true }
  },
  async run(context, { word, open, qr }) {
    const { io, json, signal } = context
    const { client } = await context.connect()
    const url = word === undefined ? null : new URL((await resolveWorkspace(client, word, signal)).webUrl)
    const link = await client.createSignInLink(url ? { next: url.pathname + url.search + url.hash } : {}, signal)
    if (json) return io.out(JSON.stringify(link))
    if (open && (await openInBrowser(context, link.url))) return io.out('Opened in your browser.')
    if (qr) await showQr(context, link.url)
    io.out(link.url)
    io.note(io.noteStyle.dim('The link signs one browser in, once.'))
  },
})
