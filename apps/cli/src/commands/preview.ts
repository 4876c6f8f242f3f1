import type { Client } from '@berth/client'
import type { Workspace } from '@berth/wire'
import { BerthError } from '@berth/wire/error'
import type { Preview, PreviewAccess } from '@berth/wire/previews'
import { atMost, command } from '../command.ts'
import type { Context } from '../context.ts'
import { openInBrowser } from '../open-in-browser.ts'
import { parsePort, previewsOf } from '../previews.ts'
import { resolveWorkspace } from '../resolve.ts'

const options = {
  share: { type: 'boolean', help: 'make a link that opens this port for whoever has it; an earlier one ends' },
  public: { type: 'boolean', help: 'let everybody in who knows the address' },
  private: { type: 'boolean', help: 'let in only who is signed in; ends the share link' },
  label: { type: 'string', value: 'text', help: 'what to call the port' },
  primary: { type: 'boolean', help: 'the port that is meant when none is named' },
  host: { type: 'string', value: 'name', help: 'the Host that the server sees: preview (default), or localhost for servers that insist' },
  wake: { type: 'string', value: 'on|off', help: 'start the stopped workspace when somebody visits' },
  open: { type: 'boolean', help: 'open it in the browser, signed in' },
} as const

export const preview = command({
  name: 'preview',
  summary: 'Print where a port opens, and say who may open it',
  arguments: '<workspace> [port]',
  options,
  notes: 'Without a port: the primary one. Private by default: a browser is let in that is signed in here.',
  examples: ['berth preview demo', 'berth preview demo 3000 --open', 'berth preview demo 3000 --share', 'berth preview demo 3000 --private', 'berth preview demo 3000 --label web --primary', 'berth preview demo 8080 --host localhost', 'berth preview demo 3000 --wake on'],
  parse({ values, positionals }) {
    const [word, port] = positionals
    atMost(2, positionals, 'preview')
    if (!word) throw new BerthError('bad_request', 'which workspace?', { hint: 'berth preview <workspace> [port]' })
    if ([values.share, values.public, values.private].filter(Boolean).length > 1) throw new BerthError('bad_request', '--share, --public and --private exclude one another')
    const { wake } = values
    const hostHeader = hostFrom(values.host)
    if (wake !== undefined && wake !== 'on' && wake !== 'off') throw new BerthError('bad_request', `--wake is on or off, not "${wake}"`)
    const access: PreviewAccess | undefined = values.public === true ? 'public' : values.private === true ? 'private' : undefined
    const change = {
      ...(access === undefined ? {} : { access }), ...(values.label === undefined ? {} : { label: values.label }), ...(values.primary === true ? { primary: true } : {}),
      ...(hostHeader === undefined ? {} : { hostHeader }), ...(wake === undefined ? {} : { wake: wake === 'on' }),
    }
    return { word, port: port === undefined ? undefined : parsePort(port, 'preview').port, change, share: values.share === true, open: values.open === true }
  },
  async run(context, { word, port: wanted, change, share, open }) {
    const { io, json, signal } = context
    const { client } = await context.connect()
    const workspace = await resolveWorkspace(client, word, signal)
    const port = wanted ?? await primaryOf(client, workspace, signal)
    const changed = Object.keys(change).length > 0 ? await client.setPreview({ id: workspace.id, port, ...change }, signal) : null
    const link = share ? await client.sharePreview({ id: workspace.id, port }, signal) : null
    const now = changed !== null && link === null ? changed : await known(client, { workspace, port }, signal)
    if (json) return io.out(JSON.stringify({ ...now, ...(link === null ? {} : { share: link }) }))
    for (const word of openTo(now, { name: workspace.name, changed: change.access === 'public', link })) io.note(word.loud ? `${io.noteStyle.yellow('⚠')} ${word.text}` : io.noteStyle.dim(word.text))
    io.out(link?.url ?? now.url)
    if (open) await openSignedIn(context, client, now)
  },
})

/** Who can open it now, as far as a person has to know. */
function openTo({ port, access }: Preview, { name, changed, link }: { name: string; changed: boolean; link: { readonly expiresAt: number | null } | null }): { readonly text: string; readonly loud: boolean }[] {
  const closing = `\`berth preview ${name} ${port} --private\``
  if (link === null) return changed ? [{ loud: true, text: `everybody who knows the address can open port ${port} of ${name} now; ${closing} ends that` }] : []
  const until = link.expiresAt === null ? '' : `, until ${new Date(link.expiresAt).toLocaleDateString()}`
  const shared = { loud: false, text: `Opens port ${port} for whoever has it${until}. A new link, or --private, ends it.` }
  return access === 'public' ? [{ loud: true, text: `port ${port} of ${name} is public: everybody who knows the address can open it without this link; ${closing}, then --share again, ends that` }, shared] : [shared]
}

function hostFrom(word: string | undefined): Preview['hostHeader'] {
  if (word === undefined || word === 'preview' || word === 'localhost') return word
  throw new BerthError('bad_request', `--host is preview or localhost, not "${word}"`)
}

async function primaryOf(client: Client, workspace: Workspace, signal: AbortSignal): Promise<number> {
  const primary = (await previewsOf(client, workspace, signal)).find((candidate) => candidate.primary)
  if (primary === undefined) throw new BerthError('not_found', `nothing listens in ${workspace.name} yet`, { hint: `name the port: \`berth preview ${workspace.name} 3000\`` })
  return primary.port
}

/** A port that nobody has named has an address all the same, once it is named. */
async function known(client: Client, { workspace, port }: { workspace: Workspace; port: number }, signal: AbortSignal): Promise<Preview> {
  const found = (await previewsOf(client, workspace, signal)).find((candidate) => candidate.port === port)
  return found ?? client.setPreview({ id: workspace.id, port }, signal)
}

async function openSignedIn(context: Context, client: Client, { url }: Preview): Promise<void> {
  const link = await client.createSignInLink({ next: `/previews/enter?${new URLSearchParams({ to: `${url}/` }).toString()}` }, context.signal)
  if (!(await openInBrowser(context, link.url))) context.io.note(`no browser here; open ${link.url}`)
}
