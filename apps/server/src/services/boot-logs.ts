/**
 * What is known of how a machine came up, or did not: what its vendor said, what its boot said (a machine elsewhere tells it
 * over the link until its daemon calls home), and its instructions without secrets. Files of the home, one set for each
 * machine, that outlive it until the workspace goes.
 */
import { appendFile, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { LinkStore } from '@berth/core'
import type { WorkspaceId } from '@berth/wire'
import { readLimited } from '../http/body.ts'

export interface BootOf { readonly id: WorkspaceId; readonly generation: number }
export interface BootLogs {
  /** `POST /boot-log` of the link's listener: all that the boot said so far. */
  take(request: Request): Promise<Response>
  /** One line of the vendor's, or of what was asked of it. */
  said(of: BootOf, line: string): Promise<void>
  /** What the machine was told to do first; `secrets` are taken out. */
  told(of: BootOf, instructions: string, secrets: readonly string[]): Promise<void>
  /** What the vendor has of the machine's console. */
  console(of: BootOf, text: string): Promise<void>
  /** Null: it said nothing yet. */
  lastLine(of: BootOf): string | null
  /** All of it, for people. */
  read(of: BootOf): Promise<string>
  forget(id: WorkspaceId): Promise<void>
}

const LOG_LIMIT = 256 * 1024
const SAID_LIMIT = 64 * 1024
const LINE_LIMIT = 160
const TOKEN = /^Bearer (ws_[a-z0-9]+)\.(\d{1,9})\.(\S{1,500})$/
const PARTS = { said: 'What was asked of the provider, and what it said', boot: 'What its boot said', console: 'Its console, as the provider has it', told: 'What it was told to do first, without secrets' } as const

export function createBootLogs({ dir, links, changed }: { dir: string; links: Pick<LinkStore, 'knowsBootToken'>; /** It said something new. */ changed(id: WorkspaceId): void }): BootLogs {
  const last = new Map<string, string>()
  const fileOf = ({ id, generation }: BootOf, part: keyof typeof PARTS): string => join(dir, `${id}.g${generation}.${part}`)
  const keyOf = ({ id, generation }: BootOf): string => `${id}.${generation}`
  const write = async (path: string, text: string): Promise<void> => {
    await mkdir(dir, { recursive: true, mode: 0o700 })
    await writeFile(`${path}.new`, text.slice(-LOG_LIMIT), { mode: 0o600 })
    await rename(`${path}.new`, path)
  }
  return {
    async take(request) {
      const [, id, generation, token] = TOKEN.exec(request.headers.get('authorization') ?? '') ?? []
      const of: BootOf = { id: id as WorkspaceId, generation: Number(generation) } // by its form, above
      if (token === undefined || !(await links.knowsBootToken(of.id, of.generation, token))) return new Response('unauthorized\n', { status: 401 })
      const text = new TextDecoder().decode(await readLimited(request, LOG_LIMIT)).replaceAll(token, '…')
      await write(fileOf(of, 'boot'), text)
      const line = text.trimEnd().split('\n').at(-1)?.trim().slice(0, LINE_LIMIT) ?? ''
      if (line !== '' && last.get(keyOf(of)) !== line) {
        last.set(keyOf(of), line)
        changed(of.id)
      }
      return new Response(null, { status: 204 })
    },
    async said(of, line) {
      const path = fileOf(of, 'said')
      await mkdir(dir, { recursive: true, mode: 0o700 })
      if (((await stat(path).catch(() => null))?.size ?? 0) < SAID_LIMIT) await appendFile(path, `${new Date().toISOString()} ${line.slice(0, 2000)}\n`, { mode: 0o600 })
    },
    told: (of, instructions, secrets) => write(fileOf(of, 'told'), secrets.reduce((text, secret) => text.replaceAll(secret, '…'), instructions)),
    console: (of, text) => write(fileOf(of, 'console'), text),
    lastLine: (of) => last.get(keyOf(of)) ?? null,
    async read(of) {
      const parts = await Promise.all((Object.keys(PARTS) as (keyof typeof PARTS)[]).map(async (part) => ({ part, text: await readFile(fileOf(of, part), 'utf8').catch(() => '') })))
      return parts.filter(({ text }) => text !== '').map(({ part, text }) => `# ${PARTS[part]}\n${text.trimEnd()}\n`).join('\n')
    },
    async forget(id) {
      for (const key of last.keys()) if (key.startsWith(`${id}.`)) last.delete(key)
      for (const name of await readdir(dir).catch(() => [])) if (name.startsWith(`${id}.`)) await rm(join(dir, name), { force: true })
    },
  }
}
