/** A volume of one machine. */
import { ProviderFault, type Owner } from '@berth/core'
import type { Engine } from './engine.ts'
import { ownerIn, sameOwner, type Labels } from './names.ts'

export async function ensureVolume(engine: Engine, { owner, Name, Labels }: { readonly owner: Owner; readonly Name: string; readonly Labels: Record<string, string> }, signal: AbortSignal): Promise<void> {
  const volume = await engine.json<{ Labels: Labels }>('/volumes/create', { method: 'POST', json: { Name, Labels }, what: `making the volume ${Name}` }, signal)
  if (!sameOwner(ownerIn(volume.Labels), owner)) throw new ProviderFault('conflict', `a volume named ${Name} belongs to somebody else`, { hint: 'remove that volume by hand' })
}
