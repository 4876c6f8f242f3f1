/**
 * Saves the whole workspace to the server: packed by the agent's user, compressed, hashed on its way, never whole in
 * memory. One at a time; asked for again it says how far it is. What broke off is begun anew by the next call.
 */
import { createHash } from 'node:crypto'
import type { Assignment, BootFile } from '@berth/wire/daemon'
import { LINK_HTTP } from '@berth/wire/daemon'
import { BerthError } from '@berth/wire/error'
import { sendHttp } from '@berth/wire/http-stream'
import type { SaveState } from '@berth/wire/saved-methods'
import { z } from 'zod'
import type { AsAgent, Link } from '../../contracts.ts'
import { selfCommand } from '../../self.ts'
import { endFirst } from '../processes/victim.ts'
import { gatherMemory } from './memory.ts'
import { streamOfPieces } from './piece-stream.ts'

export interface SaveDeps {
  readonly boot: Pick<BootFile, 'homeDir' | 'workDir'>
  readonly asAgent: AsAgent
  readonly openStream: Link['openStream']
  readonly journal: Parameters<typeof gatherMemory>[0]
  readonly assignment: () => Assignment | null
  readonly log: (line: string) => void
}
export interface Saver { save(savedId: string, signal: AbortSignal): SaveState }

const Packed = z.object({ files: z.number(), plainBytes: z.number(), leftOut: z.array(z.string()) })
const SAID_LIMIT = 1000

interface Job { readonly savedId: string; state: SaveState }

export function createSaver(deps: SaveDeps): Saver {
  let job: Job | null = null
  return {
    save(savedId, signal) {
      if (job !== null && job.state.state === 'packing' && job.savedId !== savedId) throw new BerthError('workspace_busy', 'another save is under way', { hint: 'wait until it has ended' })
      // One that failed is told once, and begun anew when it is asked for again.
      if (job?.savedId === savedId) {
        const told = job.state
        if (told.state === 'failed') job = null
        return told
      }
      const begun: Job = { savedId, state: { state: 'packing', sizeBytes: 0, plainBytes: 0, files: 0, sha256: null, leftOut: [], error: null } }
      job = begun
      void send(deps, begun, signal).catch((cause: unknown) => {
        deps.log(`saving ${savedId}: ${cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)}`)
        begun.state = { ...begun.state, state: 'failed', sha256: null, error: cause instanceof Error ? cause.message.slice(0, SAID_LIMIT) : 'it broke off' }
      })
      return begun.state
    },
  }
}

async function send(deps: SaveDeps, job: Job, signal: AbortSignal): Promise<void> {
  const { boot, asAgent } = deps
  const assignment = deps.assignment()
  if (assignment === null) throw new BerthError('workspace_busy', 'the workspace is not here yet', { hint: 'wait until it runs' })
  const given = assignment.homeFiles.map(({ path }) => path)
  const { argv, ...identity } = asAgent.command(selfCommand('state', 'pack', boot.homeDir, boot.workDir))
  const child = Bun.spawn(argv, { cwd: '/', env: asAgent.environment(), ...identity, stdin: new Blob([JSON.stringify(given)]), stdout: 'pipe', stderr: 'pipe', signal })
  endFirst(child.pid)
  const said = new Response(child.stderr).text()
  const hash = createHash('sha256')
  const note = (bytes: Uint8Array): Uint8Array => {
    hash.update(bytes)
    job.state = { ...job.state, sizeBytes: job.state.sizeBytes + bytes.length }
    return bytes
  }
  async function* bytes(): AsyncGenerator<Uint8Array> {
    yield note(gatherMemory(deps.journal, assignment as Assignment)) // it was looked at above
    for await (const piece of child.stdout) yield note(piece)
    // Half an archive must not end like a whole one.
    if ((await child.exited) !== 0) throw new BerthError('internal', `the workspace could not be packed: ${(await said).trim().slice(0, SAID_LIMIT)}`)
  }
  try {
    const stream = await deps.openStream({ service: 'http' }, signal)
    const answer = await sendHttp(stream, { method: 'PUT', path: `${LINK_HTTP.saved}/${job.savedId}`, headers: { 'content-type': 'application/octet-stream' }, body: streamOfPieces(bytes()), signal })
    if (!answer.ok) throw new BerthError('internal', `the server did not take it (${answer.status}): ${(await answer.text()).slice(0, SAID_LIMIT)}`)
    await answer.body?.cancel()
  } catch (cause) {
    child.kill('SIGKILL')
    throw cause
  }
  const { files, plainBytes, leftOut } = Packed.parse(JSON.parse((await said).trim().split('\n').at(-1) ?? ''))
  job.state = { ...job.state, state: 'done', files, plainBytes, leftOut, sha256: hash.digest('hex') }
}
