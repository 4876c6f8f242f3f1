import { readFile } from 'node:fs/promises'
import { BerthError } from '@berth/wire/error'
import { atMost, command } from '../command.ts'
import type { Context } from '../context.ts'
import { table } from '../io.ts'
import { openInBrowser } from '../open-in-browser.ts'
import { secretFromInput } from '../secret-input.ts'

const HOST = 'https://github.com'

export const setup = command({
  name: 'setup',
  summary: 'Connect GitHub by an app of your own, whose key no workspace ever sees',
  arguments: 'github-app',
  options: {
    organization: { type: 'string', value: 'login', help: 'make it the organisation\'s app; without it, yours' },
    name: { type: 'string', value: 'name', help: 'its name at GitHub, where each name is given once' },
    host: { type: 'string', value: 'origin', help: `a GitHub of your own (${HOST})` },
    complete: { type: 'boolean', help: 'the app was made by hand: its private key is read from standard input' },
    'app-id': { type: 'string', value: 'id', help: 'with --complete: the number on the page of the app' },
    'webhook-secret': { type: 'string', value: 'file', help: 'with --complete: the file that holds what was typed as the webhook secret' },
    workflows: { type: 'boolean', help: 'it may change .github/workflows, too; without it GitHub refuses every push that does' },
    list: { type: 'boolean', help: 'show the apps and what they are installed on' },
    remove: { type: 'boolean', help: 'forget the app and its key; at GitHub it stays until you delete it there' },
  },
  notes: 'Opens a page that leads to GitHub with everything filled in: one press makes the app, and on the next page you choose\nits repositories. Workspaces then clone, push their own branches and open pull requests there. For each operation the\nserver gets a token for that one repository, and gives it back afterwards.',
  examples: ['berth setup github-app', 'berth setup github-app --organization northquay', 'berth setup github-app --list', 'berth setup github-app --complete --app-id 12345 < private-key.pem'],
  parse({ values, positionals }) {
    atMost(1, positionals, 'setup')
    if (positionals[0] !== 'github-app') throw new BerthError('bad_request', 'what is to be set up?', { hint: 'berth setup github-app' })
    const appId = values['app-id'] === undefined ? null : Number(values['app-id'])
    if (values.complete === true && !(Number.isInteger(appId) && Number(appId) > 0)) throw new BerthError('bad_request', 'which app?', { hint: 'berth setup github-app --complete --app-id 12345 < private-key.pem' })
    const verb = values.complete === true ? 'complete' : values.list === true ? 'list' : values.remove === true ? 'remove' : 'begin'
    return { verb, appId, webhookSecret: values['webhook-secret'], origin: (values.host ?? HOST).replace(/\/+$/, ''), organization: values.organization, name: values.name, workflows: values.workflows === true } as const
  },
  async run(context, { verb, appId, webhookSecret: secretFile, origin, organization, name, workflows }) {
    const { io, json, signal } = context
    const { client } = await context.connect()
    if (verb === 'list') return list(context)
    if (verb === 'remove') {
      const result = await client.removeGitHubApp({ origin }, signal)
      if (!result.removed) throw new BerthError('not_found', `there is no app for ${origin}`, { hint: '`berth setup github-app --list` shows them' })
      return io.out(json ? JSON.stringify(result) : `Forgot the app of ${origin}. Workspaces that run go on without it.`)
    }
    if (verb === 'complete') {
      const webhookSecret = secretFile === undefined ? undefined : (await readFile(secretFile, 'utf8')).trim()
      const kept = await client.addGitHubApp({ origin, appId: appId ?? 0, privateKey: await secretFromInput(io, 'private key', 'berth setup github-app --complete --app-id 12345 < private-key.pem'), ...(webhookSecret === undefined ? {} : { webhookSecret }) }, signal)
      return io.out(json ? JSON.stringify(kept) : `Kept the app ${kept.name}. Choose its repositories: ${kept.installUrl}`)
    }
    const begun = await client.beginGitHubSetup({ origin, ...(organization === undefined ? {} : { organization }), ...(name === undefined ? {} : { name }), ...(workflows ? { workflows } : {}) }, signal)
    if (json) return io.out(JSON.stringify(begun))
    const opened = await openInBrowser(context, begun.url)
    io.out(begun.url)
    io.note(opened ? 'Go on in the browser.' : 'Open this link in a browser; it is good for an hour, once.')
  },
})

async function list(context: Context): Promise<void> {
  const { io, json, signal } = context
  const { client } = await context.connect()
  const [apps, installations] = await Promise.all([client.listGitHubApps(signal), client.listGitHubInstallations(signal)])
  if (json) return io.out(JSON.stringify({ apps, installations }))
  if (apps.length === 0) return io.note('No app. `berth setup github-app` makes one.')
  const rows = apps.flatMap((app) => {
    const on = installations.filter(({ origin }) => origin === app.origin)
    return on.length === 0 ? [[app.name, 'nowhere yet', '', app.installUrl]] : on.map((each) => [app.name, each.account, each.suspended ? 'suspended' : each.repositories, each.manageUrl])
  })
  const [header = '', ...lines] = table([['APP', 'INSTALLED ON', 'REPOSITORIES', 'CHANGE'], ...rows])
  io.out([io.style.dim(header), ...lines].join('\n'))
}
