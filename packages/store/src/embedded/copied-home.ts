/**
 * Notices that a home was copied. The copy names the machines of the one it was copied from, whose server may still
 * run on this very computer: until a person says otherwise it leaves them alone.
 *
 * A directory that was moved keeps its inode, one that is mounted elsewhere may not keep it but keeps its path; only
 * a copy has neither.
 */
import { readFile, realpath, rename, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { randomIds, type EventBody, type WorkspaceId } from '@berth/wire'
import { connect, type DatabaseAddress, type Transaction } from '../address.ts'
import { HELD_COPY, HELD_UNTIL } from '../held-copy.ts'
import { raiseLinkEpochs } from '../links.ts'
import { appendEvents } from '../streams.ts'
import type { Places } from './places.ts'

interface Place { readonly path: string; readonly inode: number }
const PLACE_FILE = 'place.json'

/** Where the data was copied from; null: it is where it was, or was never anywhere. */
export async function copiedFrom(places: Places): Promise<string | null> {
  const known = await readFile(join(places.root, PLACE_FILE), 'utf8').then((text) => JSON.parse(text) as Place).catch(() => null)
  if (known === null) return null
  const { path, inode } = await placeOf(places)
  return known.path !== path && known.inode !== inode ? known.path : null
}

export async function rememberPlace(places: Places): Promise<void> {
  const path = join(places.root, PLACE_FILE)
  const text = `${JSON.stringify(await placeOf(places))}\n`
  if ((await readFile(path, 'utf8').catch(() => '')) === text) return
  await writeFile(`${path}.new`, text, { mode: 0o600 })
  await rename(`${path}.new`, path)
}

async function placeOf({ data }: Places): Promise<Place> {
  return { path: await realpath(data), inode: (await stat(data)).ino }
}

/** As after a restore, and nothing of its machines is touched: nobody gets a claim on a workspace that was copied. */
export async function holdCopy(address: DatabaseAddress, from: string): Promise<void> {
  const sql = connect(address, { max: 1 })
  try {
    const [found] = await sql<{ used: boolean }[]>`select to_regclass('installation') is not null as used`
    if (found?.used === true) await sql.begin((tx) => hold(tx, from))
  } finally {
    await sql.end({ timeout: 1 })
  }
}

async function hold(tx: Transaction, from: string): Promise<void> {
  const [clock] = await tx<{ now: number }[]>`select (extract(epoch from clock_timestamp()) * 1000)::bigint as now`
  const now = clock?.now ?? 0
  await tx`update installation set epoch = epoch + 1, reaper_held = ${`this home was copied from ${from}: machines that it names may belong to the server there`}`
  await raiseLinkEpochs(tx)
  const held = await tx<{ id: WorkspaceId }[]>`
    update workspaces set lease_owner = ${HELD_COPY}, lease_until = ${HELD_UNTIL}, fence = fence + 1
    where deleted_at is null and lease_owner is distinct from ${HELD_COPY} returning id`
  const body: EventBody = {
    type: 'workspace.notice', level: 'warning', code: 'home_copied', message: 'this is a copy of another home: the machine is left alone here',
    hint: 'when no server uses the other home any more, run `berth server release-reaper`',
  }
  for (const { id } of held) await appendEvents(tx, id, [{ id: randomIds.event(), at: now, source: 'server', body }])
}
