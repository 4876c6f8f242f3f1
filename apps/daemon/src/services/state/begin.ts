/** Begins a machine with a saved state: fetched over the link, checked by its hash, unpacked by the agent's user. */
import { createHash } from 'node:crypto'
import { LINK_HTTP } from '@berth/wire/daemon'
import { BerthError } from '@berth/wire/error'
import { SAVED_MEMORY_LIMIT, type Restore } from '@berth/wire/saved-methods'
import type { AsAgent, DaemonContext, Link } from '../../contracts.ts'
import { selfCommand } from '../../self.ts'
import { fetchOverLink } from '../gateway/gateway.ts'
import { createSafeGit } from '../git/safe-git.ts'
import { readMemory, withPlaces } from './memory.ts'
import { streamOfPieces } from './piece-stream.ts'
import { createWorkDirectory } from '../work-directory.ts'

export interface BeginDeps {
  readonly context: DaemonContext & { readonly journal: { recall(memory: { values: Readonly<Record<string, string>>; keys: readonly string[] }): void } }
  readonly asAgent: AsAgent
  readonly openStream: Link['openStream']
}
/** Which state this machine has whole. */
export const BEGUN = 'begun'
const SAID_LIMIT = 1000

export async function beginWith({ context, asAgent, openStream }: BeginDeps, restore: Restore): Promise<string> {
  const { journal, boot, signal } = context
  if (journal.get(BEGUN) === restore.savedId) return 'already here'
  const work = createWorkDirectory(boot.workDir)
  // Nothing of the workspace runs before its code is there, so nobody can move these from under us.
  work.clear()
  if (boot.agentUser !== null && process.getuid?.() === 0) work.giveTo(boot.agentUser)
  const source = await fetchOverLink({ openStream }, `${LINK_HTTP.saved}/${restore.savedId}`, signal)
  const { memory, sha256, sizeBytes } = await unpack({ boot, asAgent, signal }, source)
  if (sha256 !== restore.sha256 || sizeBytes !== restore.sizeBytes) throw new BerthError('conflict', 'the saved state did not arrive as it was kept', { hint: 'it is fetched again; if it stays so, see `berth backup list`' })
  if (restore.branch !== null) await ownBranch({ asAgent, workDir: boot.workDir }, restore.branch)
  const { values, keys } = readMemory(memory, restore.sessions)
  journal.transaction(() => {
    journal.recall({ values: withPlaces(values), keys })
    journal.set('code', 'done')
    journal.set(BEGUN, restore.savedId)
  })
  return `restored ${restore.savedId}`
}

interface Unpacking { readonly boot: BeginDeps['context']['boot']; readonly asAgent: AsAgent; readonly signal: AbortSignal }
async function unpack({ boot, asAgent, signal }: Unpacking, source: ReadableStream<Uint8Array>): Promise<{ memory: Uint8Array; sha256: string; sizeBytes: number }> {
  const hash = createHash('sha256')
  let sizeBytes = 0
  const reader = source.getReader()
  const next = async (): Promise<Uint8Array | null> => {
    const { done, value } = await reader.read()
    if (done) return null
    hash.update(value)
    sizeBytes += value.length
    return value
  }
  const { memory, rest } = await memoryOf(next)
  async function* archive(): AsyncGenerator<Uint8Array> {
    if (rest.length > 0) yield rest
    for (let piece = await next(); piece !== null; piece = await next()) yield piece
  }
  const { argv, ...identity } = asAgent.command(selfCommand('state', 'unpack', boot.homeDir, boot.workDir))
  const child = Bun.spawn(argv, { cwd: '/', env: asAgent.environment(), ...identity, stdin: streamOfPieces(archive()), stdout: 'ignore', stderr: 'pipe', signal })
  const [said, exitCode] = await Promise.all([new Response(child.stderr).text(), child.exited])
  if (exitCode !== 0) {
    await reader.cancel().catch(() => {})
    throw new BerthError('internal', `the saved state could not be unpacked: ${said.trim().slice(0, SAID_LIMIT)}`, { hint: 'is the machine\'s disk large enough?' })
  }
  // What follows the archive's end counts too.
  while ((await next()) !== null);
  return { memory, sha256: hash.digest('hex'), sizeBytes }
}

async function memoryOf(next: () => Promise<Uint8Array | null>): Promise<{ memory: Uint8Array; rest: Uint8Array }> {
  let held: Uint8Array = new Uint8Array(0)
  const need = async (size: number): Promise<void> => {
    const pieces = [held]
    for (let have = held.length; have < size;) {
      const piece = await next()
      if (piece === null) throw new BerthError('conflict', 'the saved state ends too early')
      pieces.push(piece)
      have += piece.length
    }
    held = Buffer.concat(pieces)
  }
  await need(4)
  const length = new DataView(held.buffer, held.byteOffset).getUint32(0)
  if (length > SAVED_MEMORY_LIMIT) throw new BerthError('conflict', 'the saved state is not one that this daemon knows')
  await need(4 + length)
  return { memory: held.subarray(4, 4 + length), rest: held.subarray(4 + length) }
}

/** A fork goes on under its own name; index and files stay as they are. */
async function ownBranch({ asAgent, workDir }: { asAgent: AsAgent; workDir: string }, branch: string): Promise<void> {
  const git = createSafeGit(asAgent, workDir)
  const ref = `refs/heads/${branch}`
  const head = await git.attempt(['rev-parse', '--verify', '-q', 'HEAD'])
  if (head.exitCode === 0 && (await git.attempt(['rev-parse', '--verify', '-q', ref])).exitCode !== 0) await git(['update-ref', ref, head.stdout.trim()])
  await git.attempt(['symbolic-ref', 'HEAD', ref])
}
