/**
 * What leads git to the gateway, whichever form of a host's address is used. Every git of the workspace includes this
 * file by its environment, so a repository's own configuration keeps the address that people know.
 */
import { chmodSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export const gitConfigPath = (runDir: string): string => join(runDir, 'gitconfig')

/** Replaces the file. `upstreamUrl` holds the gateway's secret: only the agent's user and the daemon come to it. */
export function writeGitConfig({ runDir, origins, upstreamUrl }: { runDir: string; origins: readonly string[]; upstreamUrl: string }): void {
  const path = gitConfigPath(runDir)
  writeFileSync(`${path}.new`, origins.map((origin) => section(origin, upstreamUrl)).join(''), { mode: 0o644 })
  chmodSync(`${path}.new`, 0o644)
  renameSync(`${path}.new`, path)
}

function section(origin: string, upstreamUrl: string): string {
  const { protocol, host, hostname } = new URL(origin)
  // A host on a port of its own is spoken to by ssh on another one; which, nobody knows.
  const ssh = host === hostname ? [`git@${hostname}:`, `ssh://git@${hostname}/`] : []
  const lines = [`${origin}/`, ...ssh].map((form) => `\tinsteadOf = ${form}\n`)
  return `[url "${upstreamUrl}/${protocol.slice(0, -1)}/${host}/"]\n${lines.join('')}`
}
