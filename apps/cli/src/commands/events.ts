import { follow } from '@berth/client'
import { command, integer, one } from '../command.ts'
import { eventLine } from '../event-line.ts'
import { resolveWorkspace } from '../resolve.ts'

const PAGE = 500

export const events = command({
  name: 'events',
  summary: 'Show what happened in a workspace, and what happens',
  arguments: '<workspace>',
  notes: 'With --json each line is one event with its `seq`; --after <seq> resumes there.',
  options: {
    after: { type: 'string', value: 'seq', help: 'events after this one (default 0: all)' },
    'no-follow': { type: 'boolean', help: 'end at the newest event' },
    follow: { type: 'boolean', short: 'f', help: 'wait for more (the default)' },
  },
  examples: ['berth events demo', 'berth events demo --json --after 120 --no-follow'],
  parse: ({ values, positionals }) => ({ word: one(positionals, 'workspace', 'events'), after: integer(values.after, 'after') ?? 0, wait: values['no-follow'] !== true }),
  async run({ connect, io, json, signal }, { word, after, wait }) {
    const { client, endpoint } = await connect()
    const { id } = await resolveWorkspace(client, word, signal)
    const print = (event: Parameters<typeof eventLine>[1]): void => {
      const line = json ? JSON.stringify(event) : eventLine(io.style, event)
      if (line !== null) io.out(line)
    }
    if (wait) {
      for await (const event of follow(endpoint, id, { after, signal })) print(event)
      return
    }
    for (let cursor = after; ; ) {
      const page = await client.listEvents({ id, after: cursor, limit: PAGE }, signal)
      for (const event of page.events) print(event)
      const last = page.events.at(-1)
      if (!last || last.seq >= page.tail) return
      cursor = last.seq
    }
  },
})
