/** The link token of this machine: read from the state directory, or got for the boot token, once. */
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { BerthError } from '@berth/wire'
import { BootFile, ENROL_PATH, EnrolReply } from '@berth/wire/daemon'
import type { LinkAddress } from './address.ts'

const ENROL_TIMEOUT_MS = 15_000

export interface LinkTokens {
  /** Throws `unauthorized` when the server does not want this machine, anything else when it cannot be asked now. */
  get(signal: AbortSignal): Promise<string>
  /** The stored token was refused. True: a boot token is left to try. */
  forget(): boolean
  /** A link with the token stands: the boot token is used up and leaves the disk. */
  confirmed(): void
}

export function createLinkTokens(deps: { boot: BootFile; bootPath: string | null; address: LinkAddress; log: (line: string) => void }): LinkTokens {
  const path = join(deps.boot.stateDir, 'link-token.json')
  let bootToken = deps.boot.bootToken
  let fresh = false

  return {
    async get(signal) {
      const stored = readStored(path, deps.boot)
      if (stored !== null) return stored
      if (bootToken === '') throw new BerthError('unauthorized', 'this machine has neither a link token nor a boot token')
      const { linkToken } = await enrol(deps.address, { workspaceId: deps.boot.workspaceId, generation: deps.boot.generation, bootToken }, signal)
      writePrivately(path, JSON.stringify({ workspaceId: deps.boot.workspaceId, generation: deps.boot.generation, linkToken }))
      fresh = true
      return linkToken
    },
    forget() {
      rmSync(path, { force: true })
      // A token we have just been given is refused: asking again would go on for ever.
      return bootToken !== '' && !fresh
    },
    confirmed() {
      if (bootToken === '') return
      bootToken = ''
      if (deps.bootPath === null) return
      try {
        blankBootToken(deps.bootPath)
      } catch (error) {
        // A directory we may not write: the token is used up all the same, the server takes it no more.
        deps.log(`link: the used boot token stays in the boot file: ${error instanceof Error ? error.message : String(error)}`)
      }
    },
  }
}

function readStored(path: string, boot: BootFile): string | null {
  try {
    const stored = JSON.parse(readFileSync(path, 'utf8')) as { workspaceId?: unknown; generation?: unknown; linkToken?: unknown }
    // A copied disk carries another machine's token: that one is not ours.
    const ours = stored.workspaceId === boot.workspaceId && stored.generation === boot.generation
    return ours && typeof stored.linkToken === 'string' ? stored.linkToken : null
  } catch {
    return null
  }
}

async function enrol(address: LinkAddress, body: { workspaceId: string; generation: number; bootToken: string }, signal: AbortSignal): Promise<{ linkToken: string }> {
  const { url, options } = address.request(ENROL_PATH)
  const response = await fetch(url, { ...options, method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body), signal: AbortSignal.any([signal, AbortSignal.timeout(ENROL_TIMEOUT_MS)]) })
  if (response.status === 401 || response.status === 403) throw new BerthError('unauthorized', 'the server does not know this machine')
  if (!response.ok) throw new BerthError('server_unreachable', `enrolling was answered with ${response.status}`)
  return EnrolReply.parse(await response.json())
}

/** The rest of the file stays: a restarted daemon reads it again. */
function blankBootToken(path: string): void {
  const parsed = BootFile.safeParse(JSON.parse(readFileSync(path, 'utf8')))
  if (parsed.success && parsed.data.bootToken !== '') writePrivately(path, JSON.stringify({ ...parsed.data, bootToken: '' }))
}

/** All or nothing, and on the disk before anything depends on it. */
function writePrivately(path: string, text: string): void {
  const temporary = `${path}.new`
  rmSync(temporary, { force: true })
  const file = openSync(temporary, 'wx', 0o600)
  try {
    writeSync(file, text)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  renameSync(temporary, path)
}
