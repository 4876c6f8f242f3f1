import { clean } from '../clean.ts'
import { BerthError } from '@berth/wire/error'
import { atMost, command } from '../command.ts'
import { newText } from '../new-text.ts'
import { resolveWorkspace } from '../resolve.ts'

const LOOK_AGAIN_MS = 700
/** A service may be called as another source is. */
const SERVICE_LOG = 'service-'

export const logs = command({
  name: 'logs',
  summary: 'Show the output of the setup, the machine, a service or the agent',
  arguments: '<workspace> [source]',
  options: {
    service: { type: 'string', short: 's', value: 'name', help: 'the output of this service' },
    boot: { type: 'boolean', help: 'how its machine came up or did not: what the provider said, what its boot said, what it was told' },
    follow: { type: 'boolean', short: 'f', help: 'go on with what is written from now on' },
  },
  notes: 'Sources: setup (default; with the hooks of the project), boot (also while it starts and when it failed), image (its build), machine (and the daemon in it), agent, or the name of a service.',
  examples: ['berth logs demo', 'berth logs demo agent', 'berth logs demo --boot', 'berth logs demo --service dev -f'],
  parse({ values, positionals }) {
    const [word, source] = positionals
    atMost(2, positionals, 'logs')
    if (!word) throw new BerthError('bad_request', 'which workspace?', { hint: 'berth logs <workspace> [source]' })
    if ([source, values.service, values.boot].filter((each) => each !== undefined).length > 1) throw new BerthError('bad_request', 'one source at a time', { hint: 'berth logs <workspace> --service <name>' })
    return { word, source: values.boot === true ? 'boot' : values.service === undefined ? (source ?? 'setup') : `${SERVICE_LOG}${values.service}`, follow: values.follow === true }
  },
  async run({ connect, io, json, signal }, { word, source, follow }) {
    const { client } = await connect()
    const { id } = await resolveWorkspace(client, word, signal)
    const { text } = await client.logs({ id, source }, signal)
    if (json) return io.out(JSON.stringify({ id, source, text }))
    if (text === '') io.note(`no output of ${source.replace(SERVICE_LOG, '')} yet`)
    else io.out(clean(text).trimEnd())
    let before = text
    while (follow && !signal.aborted) {
      await Bun.sleep(LOOK_AGAIN_MS)
      const after = (await client.logs({ id, source }, signal)).text
      const said = newText(before, after)
      if (said !== '') io.out(clean(said).replace(/\n$/, ''))
      before = after
    }
  },
})
