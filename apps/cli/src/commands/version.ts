import { PROTOCOL_VERSION } from '@berth/wire'
import { VERSION } from '@berth/wire/version'
import { command, none } from '../command.ts'

export const version = command({
  name: 'version',
  summary: 'Show the version',
  examples: ['berth version', 'berth version --json'],
  parse: ({ positionals }) => none(positionals, 'version'),
  async run({ io, json }) {
    io.out(json ? JSON.stringify({ version: VERSION, protocol: PROTOCOL_VERSION, bun: Bun.version, platform: `${process.platform}-${process.arch}` }) : VERSION)
  },
})
