/** What one workspace is called on the host. All of it follows from the owner's key, so that nothing must be remembered. */
import { createHash } from 'node:crypto'
import { ProviderFault, type Owner } from '@berth/core'
import { installationShown } from '../owner-labels.ts'

/** Root's alone: who may write here may do everything on the host. */
export const BASE = '/var/lib/berth'
export const UNITS = '/etc/systemd/system'

export interface Names {
  /** `<installation>/<workspace>/<generation>`: in the record, the unit and the user's comment. */
  readonly key: string
  /** Directory of the installation. */
  readonly root: string
  readonly record: string
  readonly place: string
  /** Its name in the record's file, the directory and nowhere else. */
  readonly stem: string
  readonly unit: string
  readonly user: string
  readonly comment: string
  readonly namespace: string
  readonly table: string
}

const INSTALLATION = /^[a-zA-Z0-9_]{8,64}$/
const WORKSPACE = /^ws_[a-z0-9]{6,20}$/
export const STEM = /^(ws_[a-z0-9]{6,20})-g(\d{1,9})$/

export const keyOf = ({ installation, workspaceId, generation }: Owner): string => `${installation}/${workspaceId}/${generation}`

/** Throws where a part of the key could be more than a name. */
export function namesOf(owner: Owner): Names {
  const { installation, workspaceId, generation } = owner
  if (!INSTALLATION.test(installation) || !WORKSPACE.test(workspaceId) || !Number.isSafeInteger(generation) || generation < 0) throw new ProviderFault('invalid', 'the workspace has a name that cannot be one on a host')
  const key = keyOf(owner)
  const stem = `${workspaceId}-g${generation}`
  const root = rootOf(installation)
  const place = `${root}/${stem}`
  return {
    key, root, stem, place, record: `${place}.json`,
    unit: `berth-${installationShown(installation)}-${stem}.service`,
    // Names of users have at most 32 characters.
    user: `berth-${createHash('sha256').update(key).digest('hex').slice(0, 20)}`,
    comment: commentOf(key),
    namespace: `berth-${installation}-${stem}`,
    table: `berth_${installation}_${workspaceId}_${generation}`,
  }
}

export function rootOf(installation: string): string {
  if (!INSTALLATION.test(installation)) throw new ProviderFault('invalid', 'the installation has a name that cannot be one on a host')
  return `${BASE}/${installation}`
}
/** Of the user; a person cannot give it to themselves without being root. */
export const commentOf = (key: string): string => `berth ${key}`
/** A line of the unit. */
export const unitMark = (key: string): string => `# berth ${key}`
/** A line of the record. */
export const recordMark = (key: string): string => `  "key": ${JSON.stringify(key)},`

export function ownerOfStem(installation: string, stem: string): Owner | null {
  const [, workspaceId, generation] = STEM.exec(stem) ?? []
  return workspaceId === undefined ? null : { installation, workspaceId, generation: Number(generation) }
}

export function ownerOfKey(key: string): Owner | null {
  const [installation = '', workspaceId = '', generation = '', ...more] = key.split('/')
  if (more.length > 0 || !INSTALLATION.test(installation) || !WORKSPACE.test(workspaceId) || !/^\d{1,9}$/.test(generation)) return null
  return { installation, workspaceId, generation: Number(generation) }
}

/** One word of sh, whatever is in it. */
export const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`
