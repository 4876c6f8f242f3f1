import { BerthError } from '@berth/wire/error'
import { command } from '../command.ts'

const PORT_LAST = 65_535

export const forward = command({
  name: 'forward',
  summary: "Bring the machine's ports to this computer",
  arguments: '<workspace> [local:]port…',
  options: { start: { type: 'boolean', help: 'start the workspace first when it is stopped' } },
  notes: 'Listens on 127.0.0.1 until Ctrl-C. With `0:` a free port is chosen. `2222:ssh` is for clients that know host and port only.',
  examples: ['berth forward demo 3000', 'berth forward demo 8080:3000 5432', 'berth forward demo 2222:ssh', 'berth forward demo 0:3000 --json'],
  parse({ values, positionals }) {
    const [word, ...specs] = positionals
    if (word === undefined || specs.length === 0) throw new BerthError('bad_request', 'which workspace, and which port?', { hint: 'berth forward <workspace> 3000' })
    const ports = specs.map(readSpec)
    const twice = ports.find(({ local }, at) => local !== 0 && ports.findIndex((other) => other.local === local) !== at)
    if (twice !== undefined) throw new BerthError('bad_request', `port ${twice.local} of this computer is named twice`, { hint: `name it once; 0:${twice.remote} chooses a free one` })
    return { word, start: values.start ?? false, ports }
  },
  async run(context, { word, start, ports }) {
    const { forwardPorts } = await import('../ssh/forward-ports.ts')
    await forwardPorts(context, { word, start, ports })
  },
})

function readSpec(text: string): { local: number; remote: number | 'ssh' } {
  const [, local, remote = ''] = /^(?:(\d{1,5}):)?(\d{1,5}|ssh)$/.exec(text) ?? []
  const wanted = { local: Number(local ?? (remote === 'ssh' ? 0 : remote)), remote: remote === 'ssh' ? remote : Number(remote) } as const
  const isPort = wanted.remote === 'ssh' || (wanted.remote >= 1 && wanted.remote <= PORT_LAST)
  if (remote !== '' && isPort && wanted.local <= PORT_LAST) return wanted
  throw new BerthError('bad_request', `"${text}" is no port`, { hint: '3000, or 8080:3000 to have it at 8080 here, or 2222:ssh' })
}
