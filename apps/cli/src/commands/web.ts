import { BerthError } from '@berth/wire/error'
import { atMost, command } from '../command.ts'
import { openInBrowser } from '../open-in-browser.ts'
import { showQr } from '../phone-link.ts'
import { resolveWorkspace } from '../resolve.ts'

export const web = command({
  name: 'web',
  summary: 'Open a workspace, or the list, in the browser, signed in',
  arguments: '[workspace]',
  options: {
    'no-open': { type: 'boolean', help: 'only print the one-time link' }, qr: { type: 'boolean', help: 'show it as a QR code for your phone' },
    off: { type: 'boolean', help: 'take the workspace off the web: no browser sees it, nobody is notified of it' }, on: { type: 'boolean', help: 'show it on the web again' },
  },
  examples: ['berth web', 'berth web demo', 'berth web demo --no-open', 'berth web --qr', 'berth web demo --off'],
  parse({ values, positionals }) {
    atMost(1, positionals, 'web')
    const turn = values.off === true ? 'off' : values.on === true ? 'on' : null
    if (turn !== null && (positionals[0] === undefined || (values.off === true && values.on === true))) throw new BerthError('bad_request', 'which workspace, on or off?', { hint: 'berth web <workspace> --off' })
    return { word: positionals[0], turn, open: values['no-open'] !== true && values.qr !== true, qr: values.qr === true }
  },
  async run(context, { word, turn, open, qr }) {
    const { io, json, signal } = context
    const { client } = await context.connect()
    if (word !== undefined && turn !== null) {
      const changed = await client.setWeb({ id: (await resolveWorkspace(client, word, signal)).id, on: turn === 'on' }, signal)
      return io.out(json ? JSON.stringify(changed) : turn === 'on' ? `${changed.name} is on the web: ${changed.webUrl}` : `${changed.name} is off the web. \`berth web ${changed.name} --on\` shows it again.`)
    }
    const url = word === undefined ? null : new URL((await resolveWorkspace(client, word, signal)).webUrl)
    const link = await client.createSignInLink(url ? { next: url.pathname + url.search + url.hash } : {}, signal)
    if (json) return io.out(JSON.stringify(link))
    if (open && (await openInBrowser(context, link.url))) return io.out('Opened in your browser.')
    if (qr) await showQr(context, link.url)
    io.out(link.url)
    io.note(io.noteStyle.dim('The link signs one browser in, once.'))
  },
})
