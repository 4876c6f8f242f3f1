/** What git asks of a host for a clone by version 2 of its protocol, in the same words, so that the answer is the one that git would get. Pure. */
import { linesOf } from './fetch-command.ts'

export interface HostCan { /** Packs without the contents of files. */ readonly filter: boolean; readonly unborn: boolean; readonly objectFormat: 'sha1' | 'sha256' }

const line = (text: string): string => `${(text.length + 5).toString(16).padStart(4, '0')}${text}\n`
const request = (command: string, { objectFormat }: HostCan, rest: readonly string[]): string => `${line(`command=${command}`)}${line(`object-format=${objectFormat}`)}0001${rest.map(line).join('')}0000`

/** What a host says of itself. Null: it does not speak version 2, or would have git ask in words that are not these. */
export function readHostCan(bytes: Uint8Array): HostCan | null {
  const text = linesOf(withoutService(bytes))
  if (text === null || text[0] !== 'version 2') return null
  const valueOf = (name: string): string | null => text.find((each) => each === name || each.startsWith(`${name}=`))?.slice(name.length + 1) ?? null
  const fetching = valueOf('fetch')?.split(' ') ?? null
  const objectFormat = valueOf('object-format') ?? 'sha1'
  if (fetching === null || fetching.includes('sideband-all') || (objectFormat !== 'sha1' && objectFormat !== 'sha256')) return null
  return { filter: fetching.includes('filter'), unborn: valueOf('ls-refs')?.split(' ').includes('unborn') ?? false, objectFormat }
}

/** Some hosts name the service before they speak. */
function withoutService(bytes: Uint8Array): Uint8Array {
  const first = new TextEncoder().encode(`${line('# service=git-upload-pack')}0000`)
  return first.every((byte, at) => bytes[at] === byte) ? bytes.subarray(first.length) : bytes
}

/** To be shown what a clone is of. */
export const refsCommand = (can: HostCan): string => request('ls-refs', can, ['peel', 'symrefs', ...(can.unborn ? ['unborn'] : []), 'ref-prefix HEAD', 'ref-prefix refs/heads/', 'ref-prefix refs/tags/'])

/** For whoever has nothing: a clone's pack, and later the contents of files that it lacks. `filter`: without these. */
export const packCommand = (can: HostCan, wants: Iterable<string>, filter: boolean): string => request('fetch', can, ['thin-pack', 'no-progress', 'ofs-delta', ...(filter ? ['filter blob:none'] : []), ...[...wants].map((id) => `want ${id}`), 'done'])
