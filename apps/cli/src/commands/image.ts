import type { Client } from '@berth/client'
import { BerthError } from '@berth/wire/error'
import type { ImageBuild, MachineImage } from '@berth/wire/images'
import { money } from '@berth/wire/money'
import { cleanLine } from '../clean.ts'
import { command, none } from '../command.ts'
import type { Context } from '../context.ts'
import { table, type Io } from '../io.ts'
import { pause } from '../pause.ts'
import { ago, bytes, duration } from '../words.ts'

const LOOK_MS = 400

export const image = command({
  name: 'image',
  summary: 'Prepare the image that new machines of a provider begin with, so that they start faster',
  arguments: '<build <provider> | list | remove <provider> <name>>',
  options: {
    agent: { type: 'string', value: 'name', multiple: true, help: 'build: whose programs go into it (default claude)' },
    provider: { type: 'string', value: 'name', help: 'list: there only' },
    'no-wait': { type: 'boolean', help: 'build: return at once; the server goes on' },
  },
  notes: 'build buys a small machine for some minutes, which fetches the daemon and the programs, keeps a copy of its disk as an image, and gives the machine back. One that is there already is not made again, and those of another version go.\nNew workspaces of that provider begin with it while it has the daemon of this server; a workspace that names an image of its own does not. What is in it holds no login and no key.',
  examples: ['berth image build hetzner', 'berth image build hetzner --agent claude --agent codex', 'berth image list', 'berth image remove hetzner 4711'],
  parse({ values, positionals }) {
    const [action = 'list', provider, name, ...more] = positionals
    none(more, 'image')
    if (action === 'list' && provider === undefined) return { action, provider: values.provider, name: '', agents: undefined, wait: true } as const
    if (action !== 'build' && action !== 'remove') throw new BerthError('bad_request', `an image cannot "${action}"`, { hint: 'berth image build, list or remove' })
    if (provider === undefined) throw new BerthError('bad_request', 'which provider?', { hint: `berth image ${action} <provider>; see \`berth provider list\`` })
    if (action === 'remove' && name === undefined) throw new BerthError('bad_request', 'which image?', { hint: 'its name is in `berth image list`' })
    if (action === 'build') none(name === undefined ? [] : [name], 'image build')
    return { action, provider, name: name ?? '', agents: values.agent, wait: values['no-wait'] !== true } as const
  },
  async run(context, { action, provider, name, agents, wait }) {
    const { io, json, signal } = context
    const { client } = await context.connect()
    if (action === 'list') return show(io, await client.listImages(provider === undefined ? {} : { provider }, signal), json)
    if (action === 'remove') {
      await client.removeImage({ provider, name }, signal)
      return io.out(json ? JSON.stringify({ removed: true }) : `Removed ${name} at ${provider}.`)
    }
    // The server says which agents there are.
    const begun = await client.buildImage({ provider, ...(agents === undefined ? {} : { agents: [...agents] as NonNullable<Parameters<Client['buildImage']>[0]['agents']> }) }, signal)
    const { price } = begun
    if (!json) io.note(`${price.monthlyMicrosPerGb === 0 ? 'It costs nothing to keep' : `Kept, it costs ${money(price.monthlyMicrosPerGb, price.currency)} a GB and month`}: ${cleanLine(price.note, 200)}.`)
    const built = wait ? await untilBuilt({ client, io, signal }, begun) : begun
    if (json) io.out(JSON.stringify(built))
    else if (wait) sayBuilt(io, built)
    else io.out(`It is being made; \`berth image list\` shows it.`)
  },
})

async function untilBuilt({ client, io, signal }: Pick<Context, 'io' | 'signal'> & { client: Client }, begun: ImageBuild): Promise<ImageBuild> {
  let said = 0
  for (let build = begun; ; build = await client.getImageBuild({ provider: begun.provider }, signal)) {
    for (const line of build.log.slice(said)) io.note(`${cleanLine(line, 200)} …`)
    said = build.log.length
    if (build.failure !== null) throw new BerthError('conflict', `no image was made at ${build.provider}: ${build.failure.message}`, build.failure.hint === null ? {} : { hint: build.failure.hint })
    if (build.state !== 'making') return build
    await pause(LOOK_MS, signal)
    if (signal.aborted) throw new BerthError('cancelled', 'cancelled', { hint: 'the server goes on; see `berth image list`' })
  }
}

function sayBuilt(io: Io, { provider, image: made, startedAt, endedAt }: ImageBuild): void {
  const took = endedAt === null ? '' : ` in ${duration(endedAt - startedAt)}`
  io.out(`${io.style.green('✓')} ${provider} has an image${took}${made === null ? '' : `: ${cleanLine(made.name, 80)}${made.sizeBytes === null ? '' : `, ${bytes(made.sizeBytes)}`}${made.monthlyMicros === null ? '' : `, ${money(made.monthlyMicros, made.currency)} a month`}`}. New workspaces begin with it.`)
}

function show(io: Io, { images, missing }: { images: readonly MachineImage[]; missing: readonly string[] }, json: boolean): void {
  if (json) return io.out(JSON.stringify({ images, missing }))
  for (const what of missing) io.note(`${io.noteStyle.yellow('⚠')} not all of it was seen: ${cleanLine(what, 200)}`)
  if (images.length === 0) return io.note('there is no image; `berth image build <provider>` makes one')
  const now = Date.now()
  const rows = images.map((each) => [each.provider, io.style.bold(cleanLine(each.name, 60)), each.state === 'ready' ? (each.fits ? 'used' : 'of another version') : each.state, cleanLine(each.base, 40), each.sizeBytes === null ? '—' : bytes(each.sizeBytes), ago(each.createdAt, now), each.monthlyMicros === null ? '—' : `${money(each.monthlyMicros, each.currency)}/month`])
  const [header = '', ...lines] = table([['PROVIDER', 'NAME', 'STATE', 'FROM', 'SIZE', 'MADE', 'COST'], ...rows], io.columns)
  io.out([io.style.dim(header), ...lines].join('\n'))
}
