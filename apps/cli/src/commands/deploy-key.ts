import { BerthError } from '@berth/wire/error'
import type { DeployKey } from '@berth/wire/git-access'
import { cleanLine } from '../clean.ts'
import { atMost, command } from '../command.ts'
import type { Context } from '../context.ts'
import { table } from '../io.ts'
import { ago } from '../words.ts'

const VERBS = ['list', 'add', 'remove'] as const

export const deployKey = command({
  name: 'deploy-key',
  summary: 'Let workspaces reach one repository by ssh, with a key that the server keeps',
  arguments: '[list | add <ssh address> | remove <ssh address>]',
  options: {},
  notes: 'For hosts that give no token for one repository. The server makes the key, shows its public half, and goes to the host itself;\nworkspaces speak to the server as they do for any host and never see it. A deploy key does not end by itself and may write\nto every branch, so protect the main branch at the host; an app or a token of that host is better where there is one.\nLarge files (git-lfs) and pull requests do not go by a deploy key.',
  examples: ['berth deploy-key add git@git.northquay.example:ledger/api.git', 'berth deploy-key add ssh://git@git.northquay.example:2222/ledger/api.git', 'berth deploy-key', 'berth deploy-key remove git@git.northquay.example:ledger/api.git'],
  parse({ positionals }) {
    atMost(2, positionals, 'deploy-key')
    const [word = 'list', address] = positionals
    const verb = VERBS.find((known) => known === word)
    if (verb === undefined) throw new BerthError('bad_request', `deploy-key has no "${word}"`, { hint: `one of ${VERBS.join(', ')}` })
    if (verb !== 'list' && address === undefined) throw new BerthError('bad_request', 'for which repository?', { hint: `berth deploy-key ${verb} git@git.northquay.example:ledger/api.git` })
    return { verb, address: address ?? '' }
  },
  async run(context, { verb, address }) {
    const { io, json, signal } = context
    const { client } = await context.connect()
    if (verb === 'list') return show(context, await client.listDeployKeys(signal))
    if (verb === 'remove') {
      const key = (await client.listDeployKeys(signal)).find(({ sshUrl, origin, path }) => sshUrl === address || `${origin}/${path}` === address)
      if (key === undefined) throw new BerthError('not_found', `there is no deploy key for ${cleanLine(address)}`, { hint: '`berth deploy-key` lists them' })
      const result = await client.removeDeployKey({ keyId: key.id }, signal)
      return io.out(json ? JSON.stringify(result) : `Forgot the key of ${key.sshUrl}. Remove it at the host, too.`)
    }
    const key = await client.addDeployKey({ url: address }, signal)
    if (json) return io.out(JSON.stringify(key))
    io.note(`Add this to ${cleanLine(key.path)} at its host, as a deploy key that may write:`)
    io.out(key.publicKey)
    io.note(`The host showed these keys, and must show them from now on:\n${key.hostFingerprints.map((line) => `  ${cleanLine(line)}`).join('\n')}`)
  },
})

function show({ io, json }: Context, keys: readonly DeployKey[]): void {
  if (json) return io.out(JSON.stringify(keys))
  if (keys.length === 0) return io.note('No deploy key. `berth deploy-key add git@host:owner/name.git` makes one.')
  const [header = '', ...lines] = table([['REPOSITORY', 'LAST USED', 'PUBLIC KEY'], ...keys.map(({ sshUrl, lastUsedAt, publicKey }) => [cleanLine(sshUrl), lastUsedAt === null ? 'never' : ago(lastUsedAt, Date.now()), publicKey])])
  io.out([io.style.dim(header), ...lines].join('\n'))
}
