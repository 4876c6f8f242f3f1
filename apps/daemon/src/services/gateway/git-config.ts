/**
 * What leads git to the gateway, whichever form of a host's address is used. Every git of the workspace includes this
 * file by its environment, so a repository's own configuration keeps the address that people know.
 */
import { chmodSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export const gitConfigPath = (runDir: string): string => join(runDir, 'gitconfig')

interface Ways { readonly upstreamUrl: string; /** As a proxy, with the secret as its password and no user. */ readonly proxyUrl: string }
interface Leading extends Ways {
  readonly runDir: string
  readonly origins: readonly string[]
  /** What an address begins with, and what of a host that stands for. */
  readonly forms?: Readonly<Record<string, string>>
  /** `host/owner/name`: the one whose command line works here. */
  readonly githubRepository?: string | undefined
}

/** Replaces the file. The urls hold the gateway's secret: only the agent's user and the daemon come to it. */
export function writeGitConfig({ runDir, origins, forms = {}, githubRepository, ...ways }: Leading): void {
  const path = gitConfigPath(runDir)
  const sections = origins.map((origin) => (isProxied(new URL(origin), githubRepository) ? proxied : replaced)(origin, { ...ways, more: Object.keys(forms).filter((form) => forms[form] === `${origin}/` && FORM.test(form)) }))
  writeFileSync(`${path}.new`, sections.join(''), { mode: 0o644 })
  chmodSync(`${path}.new`, 0o644)
  renameSync(`${path}.new`, path)
}

interface More { readonly more: readonly string[] }
/** Nothing in it has a meaning in a file of git's. */
const FORM = /^ssh:\/\/[A-Za-z0-9._@:[\]-]+\/$/

/** Programs go to the loopback itself without a proxy where the machine has one for everything else. */
const isProxied = ({ hostname }: URL, repository = ''): boolean => hostname === repository.split('/')[0] && !['localhost', '127.0.0.1', '[::1]'].includes(hostname)

function replaced(origin: string, { upstreamUrl, more }: Ways & More): string {
  const { protocol, host } = new URL(origin)
  return `[url "${upstreamUrl}/${protocol.slice(0, -1)}/${host}/"]\n${formsOf(origin, more)}`
}

/**
 * `gh` looks for its repository in what `git remote -v` prints, which are replaced addresses: host and path stay as they
 * are, and the gateway is the proxy. Only of plain http does a proxy see more than the host; it goes no further than the loopback.
 */
function proxied(origin: string, { proxyUrl, more }: Ways & More): string {
  const { protocol, host } = new URL(origin)
  const proxy = new URL(proxyUrl)
  proxy.username = protocol.slice(0, -1)
  return `[url "http://${host}/"]\n${formsOf(origin, more)}[http "http://${host}/"]\n\tproxy = ${proxy.href.replace(/\/$/, '')}\n\tproxyAuthMethod = basic\n`
}

function formsOf(origin: string, more: readonly string[]): string {
  const { host, hostname } = new URL(origin)
  // A host on a port of its own is spoken to by ssh on another one; which, nobody knows.
  const ssh = host === hostname ? [`git@${hostname}:`, `ssh://git@${hostname}/`] : []
  return [`${origin}/`, ...ssh, ...more].map((form) => `\tinsteadOf = ${form}\n`).join('')
}
