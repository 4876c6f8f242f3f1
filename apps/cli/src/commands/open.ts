import { command, one } from '../command.ts'

export const open = command({
  name: 'open',
  summary: 'Open a workspace: its web application, or its code in your editor',
  arguments: '<workspace>',
  options: {
    ide: { type: 'string', value: 'editor', help: 'code, cursor, windsurf, zed, jetbrains or terminal' },
    start: { type: 'boolean', help: 'start the workspace first when it is stopped' },
  },
  notes: 'Without --ide: its primary port in the browser when something listens there, else its page.\nAn editor that is not installed here is not started; the exact command is printed instead.',
  examples: ['berth open demo', 'berth open demo --ide code', 'berth open demo --ide jetbrains', 'berth open demo --ide terminal'],
  parse: ({ values, positionals }) => ({ word: one(positionals, 'workspace', 'open'), ide: values.ide, start: values.start ?? false }),
  async run(context, { word, ide, start }) {
    if (ide !== undefined) return (await import('../ssh/open-in.ts')).openIn(context, { word, start, ide })
    const { io, json, signal } = context
    const { client } = await context.connect()
    const [{ resolveWorkspace }, { previewsOf }] = await Promise.all([import('../resolve.ts'), import('../previews.ts')])
    const workspace = await resolveWorkspace(client, word, signal)
    const preview = (await previewsOf(client, workspace, signal)).find(({ primary, listening }) => primary && listening)
    const page = new URL(workspace.webUrl)
    const next = preview === undefined ? page.pathname + page.search + page.hash : `/previews/enter?${new URLSearchParams({ to: `${preview.url}/` })}`
    const link = await client.createSignInLink({ next }, signal)
    if (json) return io.out(JSON.stringify({ url: preview?.url ?? workspace.webUrl, signIn: link }))
    const { openInBrowser } = await import('../open-in-browser.ts')
    if (await openInBrowser(context, link.url)) return io.out(`Opened ${preview?.url ?? workspace.webUrl} in your browser.`)
    io.note(io.noteStyle.dim('no browser here; this link signs one in, once:'))
    io.out(link.url)
  },
})
