/**
 * Images of Freestyle: a snapshot of a VM that runs, when it has fetched everything. A VM has the size of what it is made from, so
 * one is made of what workspaces of the usual size begin with, and others begin as before. A snapshot has no marks but its slug,
 * which is the account's own: that has the installation and the toolbox in it.
 */
import { createHash } from 'node:crypto'
import { ProviderFault, type Inventory } from '@berth/core'
import { bringPrograms } from '../cloud-init/image-config.ts'
import { PLACES } from '../cloud-init/cloud-config.ts'
import { IMAGE_LABEL, isOfImage, markOf, type Builder, type ImageVendor, type Kept, type Making } from '../made-images.ts'
import { createdAtIn, installationShown, OWNER_LABEL, type Labels } from '../owner-labels.ts'
import type { Api } from './client.ts'
import type { Vm } from './machine.ts'
import { quoteFor, STORAGE_GIB_MONTH_MICROS, storageMicrosOf } from './sizes.ts'

export interface ImageDeps {
  readonly api: Api
  readonly options: { readonly installation: string; readonly now: () => number }
  readonly base: string
  /** What a VM is asked for with, beside what it is made from. */
  readonly limits: object
  exec(vm: Pick<Vm, 'id'>, command: { command: string; stdin?: string; what: string }, signal: AbortSignal): Promise<{ readonly statusCode?: number | null }>
  readonly lookAgainMs: number
}
interface Snapshot { readonly id: string; readonly slug?: string | null; readonly displayName?: string | null; readonly createdAt: string }

const PER_PAGE = 100
const PAGES_AT_MOST = 100
/** Of the slug, which takes 63 characters: nobody else's begins so by chance. */
const INSTALLATION_LENGTH = 20
const BEGUN = 'dev.berth.image-begun'
const DIR = '/run/berth-image'
const UNIT = 'berth-make-image'

export function imageVendor(deps: ImageDeps): ImageVendor {
  const { api, options, base } = deps
  const prefix = `berth-${options.installation.toLowerCase().slice(0, INSTALLATION_LENGTH)}-`
  return {
    words: { vendor: 'Freestyle', machine: 'VM', copy: 'snapshot' },
    installation: options.installation, now: options.now, lookAgainMs: deps.lookAgainMs,
    base: () => base,
    price: async () => ({ currency: 'USD', monthlyMicrosPerGb: STORAGE_GIB_MONTH_MICROS, note: 'as a disk of its size, because Freestyle publishes no price of snapshots; the VM that it is made of costs some minutes' }),
    async kept(signal) {
      const { items, ...rest } = await snapshots(api, signal)
      return { ...rest, items: items.flatMap((snapshot) => keptOf(snapshot, prefix) ?? []) }
    },
    async builders(signal) {
      const { items, ...rest } = await api.list({ [OWNER_LABEL.installation]: options.installation }, signal)
      return { ...rest, items: await Promise.all(items.filter(({ metadata }) => isOfImage(metadata)).map((vm) => builderOf(deps, vm, signal))) }
    },
    buy: async ({ wanted, signal, log }) => {
      log?.(`making a VM from ${base}, to make the image of`)
      const metadata = { [OWNER_LABEL.installation]: options.installation, [OWNER_LABEL.createdAt]: String(options.now()), [IMAGE_LABEL.toolbox]: wanted.toolbox.hash, [IMAGE_LABEL.token]: markOf(wanted.link.token) }
      await api.call('/vms', { method: 'POST', body: { ...deps.limits, slug: `berth-${installationShown(options.installation)}-image`.toLowerCase(), snapshotId: base, metadata }, what: 'making the VM' }, signal)
    },
    async begin({ id }, { wanted, signal }) {
      // Asked for again where this one is not taken: it is not there yet.
      const { statusCode } = await deps.exec({ id }, { command: 'sh -s', stdin: makeScript(wanted), what: 'having the VM fetch' }, signal)
      if (statusCode === 0) await api.call(`/vms/${id}`, { method: 'PATCH', body: { metadata: { [BEGUN]: 'yes' } }, what: 'marking the VM' }, signal)
    },
    async copy({ id }, { wanted, signal }) {
      const slug = `${prefix}${wanted.toolbox.hash}-${createHash('sha256').update(base).digest('hex').slice(0, 6)}`
      await api.call(`/vms/${id}/snapshot`, { method: 'POST', body: { slug, displayName: base }, what: 'making the snapshot' }, signal).catch((error: unknown) => {
        // Of one name there is one: the answer of before was lost.
        if (!(error instanceof ProviderFault) || error.category !== 'conflict') throw error
      })
    },
    removeKept: (name, signal) => unlessGone(async () => {
      const snapshot = await api.call<Snapshot>(`/snapshots/${name}`, { what: 'looking at the snapshot' }, signal)
      if (keptOf(snapshot, prefix) === null) throw foreign(`the snapshot ${name}`)
      await api.call(`/snapshots/${name}`, { method: 'DELETE', what: 'removing the snapshot' }, signal)
    }),
    removeBuilder: ({ id }, signal) => unlessGone(async () => {
      const { metadata } = await api.call<Vm>(`/vms/${id}`, { what: 'looking at the VM' }, signal)
      if (metadata[OWNER_LABEL.installation] !== options.installation || !isOfImage(metadata)) throw foreign(`the VM ${id}`)
      await api.call(`/vms/${id}`, { method: 'DELETE', what: 'giving the VM back' }, signal)
    }),
  }
}

const foreign = (what: string): ProviderFault => new ProviderFault('conflict', `${what} belongs to somebody else`, { hint: 'look at it at dash.freestyle.sh' })
async function unlessGone(work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    if (!(error instanceof ProviderFault) || error.category !== 'not_found') throw error
  }
}

async function snapshots(api: Api, signal: AbortSignal): Promise<Inventory<Snapshot>> {
  const what = 'listing snapshots'
  const seen = new Map<string, Snapshot>()
  for (let page = 0; page < PAGES_AT_MOST; page += 1) {
    const before = seen.size
    const answer = await api.call<{ snapshots?: readonly Snapshot[]; totalCount?: number }>('/snapshots', { query: { limit: String(PER_PAGE), offset: String(page * PER_PAGE) }, what }, signal)
    for (const snapshot of answer.snapshots ?? []) seen.set(snapshot.id, snapshot)
    if (typeof answer.totalCount === 'number' && seen.size >= answer.totalCount) return { items: [...seen.values()], complete: true, missing: [] }
    // A page of nothing new is the same page again, or the end of a list that says it is longer.
    if (seen.size === before) break
  }
  return { items: [...seen.values()], complete: false, missing: [`${what}: not all of them`] }
}

/** Null: it is none of ours. */
function keptOf({ id, slug, displayName, createdAt }: Snapshot, prefix: string): Kept | null {
  const toolbox = slug?.startsWith(prefix) === true ? /^([0-9a-z]+)-[0-9a-f]{6}$/.exec(slug.slice(prefix.length))?.[1] : undefined
  if (toolbox === undefined) return null
  const base = displayName ?? ''
  return { name: id, order: `${createdAt} ${id}`, toolbox, base, state: 'ready', createdAt: Date.parse(createdAt) || 0, sizeBytes: null, currency: 'USD', monthlyMicros: storageMicrosOf(base) }
}

async function builderOf(deps: ImageDeps, vm: Vm, signal: AbortSignal): Promise<Builder> {
  const metadata: Labels = vm.metadata
  const createdAt = createdAtIn(metadata) || Date.parse(vm.createdAt) || 0
  const hasBegun = metadata?.[BEGUN] !== undefined
  // Asked only of one that runs: it would wake another.
  const state = vm.state === 'starting' ? 'starting' : vm.state !== 'running' ? 'fetching' : !hasBegun ? 'waiting' : (await deps.exec(vm, { command: `test -e ${DIR}/ready`, what: 'asking whether it has everything' }, signal)).statusCode === 0 ? 'ready' : 'fetching'
  return { id: vm.id, order: `${createdAt} ${vm.id}`, toolbox: metadata?.[IMAGE_LABEL.toolbox] ?? '', tokenMark: metadata?.[IMAGE_LABEL.token] ?? '', createdAt, quote: quoteFor(vm.resources), state }
}

/** Of sh. A secret; may be repeated. It fetches on after the command has ended. */
function makeScript({ toolbox: { hash }, programs, link: { publicUrl, token } }: Making['wanted']): string {
  if (publicUrl === null) throw new ProviderFault('invalid', 'a machine that an image is made of cannot reach this server', { hint: 'set linkUrl in config.yaml to an address of this server that it can reach' })
  const header = `${DIR}/authorization`
  const work = `set -eu
mkdir -p -m 755 ${PLACES.toolboxDir}
${bringPrograms({ hash, programs, linkUrl: publicUrl.replace(/\/$/, ''), headerPath: header })}
# Nothing of this machine goes into others.
rm -f ${header}
find /var/log -type f -exec truncate --size 0 {} +
sync
touch ${DIR}/ready
`
  const put = (path: string, content: string): string => `base64 -d > ${path} <<'END'\n${Buffer.from(content).toString('base64')}\nEND`
  return `set -eu
umask 077
mkdir -p ${DIR}
${put(header, `authorization: Bearer ${token}\n`)}
${put(`${DIR}/make`, work)}
systemctl is-active --quiet ${UNIT} || { systemctl reset-failed ${UNIT} 2> /dev/null || true; systemd-run --quiet --no-block --unit ${UNIT} --property UMask=0022 sh ${DIR}/make; }
`
}
