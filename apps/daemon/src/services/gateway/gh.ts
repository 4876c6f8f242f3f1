/**
 * GitHub's own command line without a token: its configuration names a socket of ours, which carries each request to the
 * server. What it sends as a token is a word that is worth nothing.
 */
import { chmodSync, chownSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { LINK_HTTP } from '@berth/wire/daemon'
import type { Link } from '../../contracts.ts'
import { carry } from './gateway.ts'

interface GhOptions { readonly runDir: string; readonly repository: string; readonly owner: { uid: number; gid: number } | null; readonly openStream: Link['openStream'] }
interface GhSocket { readonly env: Readonly<Record<string, string>>; close(): Promise<void> }

const PLACEHOLDER = 'berth-has-the-token'
const MAX_REQUESTS = 16

/** `repository`: host, owner and name; for the command line where it is in no clone of it. */
function openGhSocket({ runDir, repository, owner, openStream }: GhOptions): GhSocket {
  const dir = join(runDir, 'gh')
  const path = join(runDir, 'gh.sock')
  mkdirSync(dir, { recursive: true })
  writeFileSync(join(dir, 'config.yml'), `version: "1"\ngit_protocol: https\nprompt: disabled\nhttp_unix_socket: ${path}\n`, { mode: 0o644 })
  rmSync(path, { force: true })
  let running = 0
  const server = Bun.serve({
    unix: path,
    async fetch(request) {
      if (running >= MAX_REQUESTS) return Response.json({ message: 'too many requests at once' }, { status: 429 })
      running++
      try {
        const { pathname, search } = new URL(request.url)
        return await carry({ openStream }, request, `${LINK_HTTP.github}${pathname}${search}`)
      } catch (cause) {
        return Response.json({ message: `berth: ${cause instanceof Error ? cause.message : 'the server cannot be reached'}` }, { status: 502 })
      } finally {
        running--
      }
    },
  })
  if (owner !== null) chownSync(path, process.getuid?.() ?? 0, owner.gid)
  chmodSync(path, 0o660)
  return {
    env: { GH_CONFIG_DIR: dir, GH_HOST: repository.split('/')[0] ?? '', GH_REPO: repository, GH_TOKEN: PLACEHOLDER, GH_ENTERPRISE_TOKEN: PLACEHOLDER, GH_NO_UPDATE_NOTIFIER: '1', GH_PROMPT_DISABLED: '1' },
    close: () => server.stop(true),
  }
}

/** Opened when an assignment first names a repository. A person's own token, given to the workspace on purpose, goes its own way. */
export function createGh(deps: Omit<GhOptions, 'repository'>): { assigned(repository: string | undefined): void; env(own: Readonly<Record<string, string>> | undefined): Readonly<Record<string, string>>; close(): Promise<void> } {
  let open: GhSocket | null = null
  return {
    assigned(repository) {
      if (repository !== undefined) open ??= openGhSocket({ ...deps, repository })
    },
    env: (own) => (open === null || ['GH_TOKEN', 'GITHUB_TOKEN', 'GH_ENTERPRISE_TOKEN'].some((name) => own?.[name] !== undefined) ? {} : open.env),
    close: async () => open?.close(),
  }
}
