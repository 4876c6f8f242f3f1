#!/usr/bin/env bun
/** The daemon's door. Each verb is imported when it is asked for, so that small roles stay small. */
import { VERSION } from '@berth/wire/version'

const USAGE = 'berth-daemon supervise --boot FILE | run --boot FILE | hook EVENT | --version'

export async function main(argv: readonly string[]): Promise<number> {
  const [verb, ...rest] = argv
  switch (verb) {
    case 'supervise': return (await import('./supervise.ts')).superviseMain(rest)
    case 'check': return (await import('./run.ts')).checkMain(rest)
    case 'run': return (await import('./run.ts')).runMain(rest)
    case 'launch': return (await import('./launch.ts')).launchMain(rest)
    case 'holder': return (await import('./services/terminal/holder-process.ts')).holderMain(rest)
    case 'extract': return (await import('./services/archive/extract.ts')).extractMain(rest)
    case 'put': return (await import('./services/home-files.ts')).putMain(rest)
    case 'sync-in': return (await import('./services/sync/receive.ts')).receiveMain(rest)
    case 'look': return (await import('./services/files/look.ts')).lookMain()
    case 'hook': return hook(rest)
    case 'mcp': return (await import('./services/mcp/shim.ts')).mcpMain(rest)
    case 'relay': return (await import('./services/agents/relay/relay.ts')).relayMain(rest)
    case '--version':
      process.stdout.write(`${VERSION}\n`)
      return 0
    default:
      process.stderr.write(`${USAGE}\n`)
      return 2
  }
}

async function hook(argv: readonly string[]): Promise<number> {
  const { hookMain } = await import('./services/agents/hook-client.ts')
  const code = await hookMain(argv)
  return typeof code === 'number' ? code : 0
}

if (import.meta.main) {
  main(process.argv.slice(2)).then(
    (code) => process.exit(code),
    (cause: unknown) => {
      process.stderr.write(`berth-daemon: ${cause instanceof Error ? cause.message : String(cause)}\n`)
      process.exit(1)
    },
  )
}
