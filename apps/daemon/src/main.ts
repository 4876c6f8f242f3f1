#!/usr/bin/env bun
/** The daemon's door. Each verb is imported when it is asked for, so that small roles stay small. */
import { VERSION } from '@berth/wire/version'

const USAGE = 'berth-daemon supervise --boot FILE | run --boot FILE | hook EVENT | --version'

export async function main(argv: readonly string[]): Promise<number> {
  const [verb, ...rest] = argv
  const role = verb === undefined || !Object.hasOwn(ROLES, verb) ? undefined : ROLES[verb]
  if (role !== undefined) return role(rest)
  if (verb === '--version') {
    process.stdout.write(`${VERSION}\n`)
    return 0
  }
  process.stderr.write(`${USAGE}\n`)
  return 2
}

const ROLES: Readonly<Record<string, (rest: readonly string[]) => Promise<number>>> = {
  supervise: async (rest) => (await import('./supervise.ts')).superviseMain(rest),
  check: async (rest) => (await import('./run.ts')).checkMain(rest),
  run: async (rest) => (await import('./run.ts')).runMain(rest),
  launch: async (rest) => (await import('./launch.ts')).launchMain(rest),
  holder: async (rest) => (await import('./services/terminal/holder-process.ts')).holderMain(rest),
  extract: async (rest) => (await import('./services/archive/extract.ts')).extractMain(rest),
  state: async (rest) => (await import('./services/state/main.ts')).stateMain(rest),
  put: async (rest) => (await import('./services/home-files.ts')).putMain(rest),
  'sync-in': async (rest) => (await import('./services/sync/receive.ts')).receiveMain(rest),
  look: async () => (await import('./services/files/look.ts')).lookMain(),
  hook: async (rest) => hook(rest),
  'sign-commit': async (rest) => (await import('./services/gateway/sign-commit.ts')).signMain(rest),
  mcp: async (rest) => (await import('./services/mcp/shim.ts')).mcpMain(rest),
  relay: async (rest) => (await import('./services/agents/relay/relay.ts')).relayMain(rest),
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
