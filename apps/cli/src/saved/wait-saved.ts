/** Until a saved state counts. */
import type { Client } from '@berth/client'
import { BerthError } from '@berth/wire/error'
import type { SavedState } from '@berth/wire/saved'
import type { Io } from '../io.ts'
import { pause } from '../pause.ts'

const LOOK_MS = 300

export async function waitSaved({ client, io, signal }: { client: Client; io: Io; signal: AbortSignal }, begun: SavedState): Promise<SavedState> {
  let shown = ''
  for (let saved = begun; ; saved = await client.getSaved({ id: saved.id }, signal)) {
    if (saved.state === 'verified') return saved
    if (saved.state === 'failed') throw new BerthError('conflict', `${saved.workspaceName} was not saved: ${saved.detail ?? 'it broke off'}`, { hint: 'see `berth events`, then try again' })
    // Numbers change all the time; what it is about does not.
    const about = (saved.detail ?? '').replace(/:.*/, '')
    if (about !== '' && about !== shown) io.note(`${saved.detail} …`)
    shown = about
    await pause(LOOK_MS, signal)
    if (signal.aborted) throw new BerthError('cancelled', 'cancelled', { hint: 'it goes on by itself; see `berth backup list`' })
  }
}
