import { hostname } from 'node:os'
import { createClient } from '@berth/client'
import type { Client } from '@berth/client'
import { BerthError } from '@berth/wire/error'
import { cleanLine } from '../clean.ts'
import { command, none, one } from '../command.ts'
import type { Context } from '../context.ts'
import { openInBrowser } from '../open-in-browser.ts'
import { remoteEndpoint } from '../server-process/connect.ts'
import { CONTEXT_NAME, currentContext, LOCAL_CONTEXT, removeContext, saveContext, useContext } from '../server-process/contexts.ts'

export const login = command({
  name: 'login',
  summary: 'Sign in to a server elsewhere, by a code that you confirm in the browser',
  arguments: '<server>',
  options: {
    name: { type: 'string', value: 'context', help: 'what to call it here (its host name)' },
    'no-open': { type: 'boolean', help: 'do not open the browser' },
  },
  notes: 'The program shows a code; you type it on the page of that server, where you are signed in. From then on every command speaks to that server; `berth context local` goes back to the one of this home.',
  examples: ['berth login https://berth.example.org', 'berth login https://berth.example.org --name work', 'berth context local'],
  parse({ values, positionals }) {
    const written = one(positionals, 'server', 'login')
    const url = URL.parse(/^https?:\/\//.test(written) ? written : `https://${written}`)
    if (url === null || url.username !== '') throw new BerthError('bad_request', `"${written}" is not the address of a server`, { hint: 'such as https://berth.example.org' })
    const name = values.name ?? url.hostname
    if (!CONTEXT_NAME.test(name) || name === LOCAL_CONTEXT) throw new BerthError('bad_request', `"${name}" is no name of a context`, { hint: 'give one with --name' })
    return { url: url.origin, name, open: values['no-open'] !== true }
  },
  async run(context, { url, name, open }) {
    const { io, json, home, signal } = context
    if (url.startsWith('http:') && !/^http:\/\/(localhost|127\.0\.0\.1|\[::1\]|[\w.-]+\.localhost)(:|$)/.test(url)) throw new BerthError('bad_request', 'a server elsewhere is spoken to by https', { hint: `berth login ${url.replace('http:', 'https:')}` })
    const client = createClient({ url })
    const begun = await client.beginDeviceLogin({ name: `berth on ${hostname()}` }, signal)
    io.note(`Open ${begun.verifyUrl}\nand compare the code: ${io.noteStyle.bold(begun.userCode)}`)
    if (open && !json) await openInBrowser(context, begun.verifyUrl)
    const { token, who } = await answered(client, begun, signal)
    await saveContext(home, name, { url, token })
    await useContext(home, name)
    io.out(json ? JSON.stringify({ context: name, url, name: who }) : `Signed in to ${url} as ${cleanLine(who)}. Commands go there now; \`berth context local\` goes back.`)
  },
})

async function answered(client: Client, begun: { deviceCode: string; expiresAt: number; intervalMs: number }, signal: AbortSignal): Promise<{ token: string; who: string }> {
  const until = Date.now() + Math.min(begun.expiresAt - Date.now(), 15 * 60_000)
  while (Date.now() < until && !signal.aborted) {
    const { state, token, name } = await client.pollDeviceLogin({ deviceCode: begun.deviceCode }, signal)
    if (state === 'denied') throw new BerthError('forbidden', 'access denied: you said no in the browser')
    if (token !== null) return { token, who: name ?? '' }
    await Bun.sleep(begun.intervalMs)
  }
  throw new BerthError('timeout', 'nobody confirmed the code', { hint: 'run `berth login` again' })
}

export const logout = command({
  name: 'logout',
  summary: 'End the session with the server elsewhere, there and here',
  options: { everywhere: { type: 'boolean', help: 'end all other sessions of yours there, too' } },
  examples: ['berth logout', 'berth logout --everywhere'],
  parse({ values, positionals }) {
    none(positionals, 'logout')
    return { everywhere: values.everywhere === true }
  },
  async run(context: Context, { everywhere }) {
    const { io, json, home, signal } = context
    const endpoint = await remoteEndpoint(context)
    if (endpoint === null && !everywhere) throw new BerthError('bad_request', 'the server of this home needs no sign-in', { hint: '`berth logout --everywhere` signs all browsers out' })
    const client = endpoint === null ? (await context.connect()).client : createClient(endpoint)
    // One that is gone there is gone.
    const gone = (error: unknown): { revoked: number } => {
      if (error instanceof BerthError && error.code === 'unauthorized') return { revoked: 0 }
      throw error
    }
    const others = everywhere ? await client.signOutEverywhere({}, signal).catch(gone) : { revoked: 0 }
    const own = endpoint === null ? { revoked: 0 } : await client.signOut({}, signal).catch(gone)
    const name = context.env['BERTH_CONTEXT'] ?? (await currentContext(home))
    if (endpoint !== null && name !== null) await removeContext(home, name)
    const revoked = own.revoked + others.revoked
    io.out(json ? JSON.stringify({ revoked }) : `Signed out${everywhere ? ` everywhere: ${revoked} session${revoked === 1 ? '' : 's'} ended` : ''}.`)
  },
})
