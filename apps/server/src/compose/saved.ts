/** Where saved workspaces are kept, as the settings say, and what goes on with them. */
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { StateFiles } from '@berth/core'
import { createDirectoryFiles, createS3Files, keysIn, opened, sealed, type MasterKey } from '@berth/store'
import { BerthError } from '@berth/wire'
import { createSaving, type SavingDeps, type StateSaving } from '../saved/saving.ts'
import { createStateBytes, type StateBytes } from '../saved/state-bytes.ts'
import type { ServerConfig } from './config.ts'

const DAY_MS = 24 * 3600_000
const KEEP_DAYS = 30
const REGION = 'us-east-1'
const PREFIX = 'berth/'

export interface SavedPlace { readonly bytes: StateBytes; readonly keepBackupsMs: number }

export async function openSavedPlace({ config, home, dir, masterKey }: { config: Pick<ServerConfig, 'backups'>; home: string; dir: string; masterKey: MasterKey }): Promise<SavedPlace> {
  const files: StateFiles = config.backups?.s3 === undefined ? createDirectoryFiles({ dir }) : createS3Files(await s3Of(config.backups.s3, home))
  const random = (bytes: number) => crypto.getRandomValues(new Uint8Array(bytes))
  const sealing = {
    seal: (source: AsyncIterable<Uint8Array>, id: string) => sealed(source, { id, masterKey, random }),
    open: (source: AsyncIterable<Uint8Array>, keys?: string) => opened(source, keys === undefined ? masterKey : keysIn(keys, 'what was given')),
  }
  return { bytes: createStateBytes({ files, sealing }), keepBackupsMs: (config.backups?.keepDays ?? KEEP_DAYS) * DAY_MS }
}

interface Begun extends Pick<SavingDeps, 'store' | 'clock' | 'log'> { readonly savedPlace: SavedPlace; readonly closers: { add(name: string, close: () => Promise<void>): void } }
export function startSaving({ store, clock, log, closers, savedPlace }: Begun, daemons: SavingDeps['daemons'], poke: () => void): StateSaving {
  const saving = createSaving({ store, daemons, bytes: savedPlace.bytes, clock, poke, log })
  closers.add('what is being saved', () => saving.stop())
  saving.resume().catch((error: unknown) => log(`saved states: ${String(error)}`))
  return saving
}

type S3Config = NonNullable<NonNullable<ServerConfig['backups']>['s3']>
async function s3Of({ endpoint, bucket, region = REGION, prefix = PREFIX, keyFile }: S3Config, home: string) {
  const path = resolve(home, keyFile)
  const text = await readFile(path, 'utf8').catch((cause: unknown) => { throw new BerthError('config_invalid', `the key of the backups' bucket cannot be read from ${path}`, { hint: 'two lines: the access key\'s id and its secret', cause }) })
  const [accessKeyId, secretAccessKey, ...more] = text.split('\n').map((line) => line.trim()).filter(Boolean)
  if (accessKeyId === undefined || secretAccessKey === undefined || more.length > 0) throw new BerthError('config_invalid', `${path} is no key of a bucket`, { hint: 'two lines: the access key\'s id and its secret' })
  return { endpoint, bucket, region, prefix, accessKeyId, secretAccessKey }
}
