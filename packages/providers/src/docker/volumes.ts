/** A volume of one machine. */
import { ProviderFault, type Owner } from '@berth/core'
import type { Engine } from './engine.ts'
import { filterOf, ownerIn, sameOwner, type Labels } from './names.ts'

export async function ensureVolume(engine: Engine, { owner, Name, Labels }: { readonly owner: Owner; readonly Name: string; readonly Labels: Record<string, string> }, signal: AbortSignal): Promise<void> {
  const volume = await engine.json<{ Labels: Labels }>('/volumes/create', { method: 'POST', json: { Name, Labels }, what: `making the volume ${Name}` }, signal)
  if (!sameOwner(ownerIn(volume.Labels), owner)) throw new ProviderFault('conflict', `a volume named ${Name} belongs to somebody else`, { hint: 'remove that volume by hand' })
}

/** All that were made for this machine, by whatever release. */
export async function volumesOf(engine: Engine, owner: Owner, signal: AbortSignal): Promise<string[]> {
  const { Volumes } = await engine.json<{ Volumes: { Name: string; Labels: Labels }[] | null }>('/volumes', { query: { filters: filterOf(owner.installation) }, what: 'listing the volumes of the machine' }, signal)
  return (Volumes ?? []).filter(({ Labels }) => sameOwner(ownerIn(Labels), owner)).map(({ Name }) => Name)
}
