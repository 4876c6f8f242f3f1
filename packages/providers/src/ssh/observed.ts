/** What the host said, read back into the words of the provider port. */
import type { Inventory, Leftover, Machine, Observed, Owner } from '@berth/core'
import { keyOf, namesOf, ownerOfKey, ownerOfStem } from './names.ts'

export interface MachineRecord { readonly version: 1; readonly key: string; readonly createdAt: number; readonly user: string }
interface Seen { readonly stem: string; readonly uid: number; readonly record: MachineRecord | null; readonly unit: Readonly<Record<string, string>> }

/** One key a line: the host looks for the line with the key. */
export function recordText(owner: Owner, createdAt: number): string {
  const { key, user } = namesOf(owner)
  return `${JSON.stringify({ version: 1, key, createdAt, user } satisfies MachineRecord, null, 2)}\n`
}

export function machinesIn(said: string, installation: string): Machine[] {
  return seenIn(said).flatMap((seen) => {
    const owner = ownerOfStem(installation, seen.stem)
    return owner === null ? [] : [machineOf(owner, seen)]
  })
}

/** Of a call for one owner: absent where nothing was said. */
export function machineIn(said: string, owner: Owner): Machine {
  const [seen] = seenIn(said)
  return seen === undefined ? { ref: {}, owner, observed: { state: 'absent' }, createdAt: 0, isolation: null } : machineOf(owner, seen)
}

function machineOf(owner: Owner, { uid, record, unit }: Seen): Machine {
  const { user, unit: name } = namesOf(owner)
  const ref = { user, unit: name }
  if (uid !== 0 || record === null) return { ref, owner: 'ambiguous', observed: { state: 'unknown', raw: 'its record is not one of ours' }, createdAt: 0, isolation: null }
  if (record.key !== keyOf(owner)) return { ref, owner: 'foreign', observed: { state: 'unknown', raw: `its record is of ${record.key}` }, createdAt: record.createdAt, isolation: null }
  return { ref, owner, observed: observedOf(unit), createdAt: record.createdAt, isolation: 'sandbox' }
}

function observedOf(unit: Readonly<Record<string, string>>): Observed {
  const { LoadState, ActiveState = '', Result = '', ExecMainStatus = '', ExecMainStartTimestamp = '' } = unit
  if (LoadState === 'not-found') return { state: 'stopped', exitCode: null, detail: 'its unit is not there' }
  const exitCode = ExecMainStartTimestamp === '' ? null : Number(ExecMainStatus)
  switch (ActiveState) {
    case 'active': return { state: 'running', startedAt: momentIn(ExecMainStartTimestamp) }
    case 'activating': return { state: 'starting' }
    case 'deactivating': return { state: 'stopping' }
    case 'inactive': return { state: 'stopped', exitCode, detail: null }
    case 'failed': return { state: 'stopped', exitCode, detail: `systemd says "${Result}"` }
    default: return { state: 'unknown', raw: ActiveState.slice(0, MOST_SHOWN) }
  }
}
const MOST_SHOWN = 40

/** `Sun 2026-11-22 06:30:08 UTC`, as systemd has it where the zone is that: the scripts say so. */
const momentIn = (said: string): number | null => Date.parse(said.replace(/^[A-Za-z]+ (\S+) (\S+) UTC$/, '$1T$2Z')) || null

function seenIn(said: string): Seen[] {
  const found = new Map<string, Seen>()
  for (const line of said.split('\n')) {
    const [what, stem = '', ...rest] = line.split(' ')
    const before = found.get(stem) ?? { stem, uid: -1, record: null, unit: {} }
    if (what === 'record') found.set(stem, { ...before, uid: Number(rest[0]), record: recordIn(rest[1] ?? '') })
    if (what === 'unit') found.set(stem, { ...before, unit: Object.fromEntries(rest.join(' ').split(';').map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)])) })
  }
  return [...found.values()].filter(({ uid }) => uid !== -1)
}

function recordIn(base64: string): MachineRecord | null {
  try {
    const { version, key, createdAt, user } = JSON.parse(Buffer.from(base64, 'base64').toString('utf8')) as Record<string, unknown>
    return version === 1 && typeof key === 'string' && typeof createdAt === 'number' && typeof user === 'string' ? { version, key, createdAt, user } : null
  } catch {
    return null
  }
}

const SECOND = 1000

/** What no record stands for. A user alone is nobody's we could name: a comment proves nothing to us. */
export function leftoversIn(said: string, installation: string): Inventory<Leftover> {
  const lines = said.split('\n').map((line) => line.split(' '))
  const recorded = new Set(lines.flatMap(([kind, name = '']) => (kind === 'file' && name.endsWith('.json') ? [name.slice(0, -'.json'.length)] : [])))
  const items: Leftover[] = []
  const add = (kind: string, name: string, at: { owner: Owner | null; createdAt: number; proven?: boolean }): void => {
    const { owner, createdAt, proven = true } = at
    if (owner !== null && recorded.has(`${owner.workspaceId}-g${owner.generation}`)) return
    items.push({ kind, name, owner: owner === null || !proven ? 'ambiguous' : owner, createdAt })
  }
  for (const [kind = '', name = '', third = '', fourth = ''] of lines) {
    switch (kind) {
      case 'directory': add(kind, name, { owner: ownerOfStem(installation, name), createdAt: Number(third) * SECOND }); break
      case 'file':
        if (!name.endsWith('.json')) add(kind, name, { owner: ownerOfStem(installation, name.replace(/\.json\.new$/, '')), createdAt: Number(third) * SECOND })
        break
      case 'user': add(kind, name, { owner: ownerOfKey(third), createdAt: 0, proven: false }); break
      case 'unit': add(kind, name, { owner: ownerOfKey(third), createdAt: Number(fourth) * SECOND }); break
      case 'network': add(kind, name, { owner: ownerOfStem(installation, name.slice(`berth-${installation}-`.length)), createdAt: Number(third) * SECOND }); break
      case 'walls': add(kind, name, { owner: ownerOfTable(name.slice(`berth_${installation}_`.length), installation), createdAt: 0 }); break
      default: break
    }
  }
  return { items, complete: true, missing: [] }
}

function ownerOfTable(rest: string, installation: string): Owner | null {
  const at = rest.lastIndexOf('_')
  return ownerOfKey(`${installation}/${rest.slice(0, at)}/${rest.slice(at + 1)}`)
}
