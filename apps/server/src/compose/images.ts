/** The toolbox as machines elsewhere fetch it, and the images that are made with it. */
import { join } from 'node:path'
import { randomBytes } from 'node:crypto'
import { deadlines, priceOf, type Store } from '@berth/core'
import { defaultToolboxDir } from '@berth/toolbox'
import type { OrgId } from '@berth/wire'
import { HOURS_A_MONTH } from '@berth/wire/money'
import { startPeriodic } from '../loops/periodic.ts'
import { createToolboxFiles } from '../link/toolbox-files.ts'
import { createImages, type Images, type ImagesDeps } from '../services/images.ts'

/** `imageToken`: what a machine shows that an image is made of. Of this process alone, and good for what is no secret. */
export function toolboxPlaces({ links }: Pick<Store, 'links'>) {
  const toolboxDir = defaultToolboxDir(process.env)
  const imageToken = `img_${randomBytes(32).toString('base64url')}`
  return { toolboxDir, agentsDir: join(toolboxDir, 'agents'), imageToken, toolboxFiles: createToolboxFiles({ dir: toolboxDir, links, imageToken }) }
}

interface ImagesHere extends Omit<ImagesDeps, 'link' | 'kept'> {
  readonly config: { readonly linkUrl?: string | undefined }
  readonly store: Pick<Store, 'costs'>
  /** Who pays for what is everybody's. */
  readonly homeOrg: OrgId
  readonly closers: { add(name: string, close: () => Promise<void>): void }
}

const FIRST_COUNT_MS = 2 * 60_000
/** No vendor's name of an image begins so. */
const MADE_OF = 'made of '

export function startImages({ store, homeOrg, ...deps }: ImagesHere, token: string): Images {
  const kept: ImagesDeps['kept'] = (provider, { images, machines }) => store.costs.keepImages(homeOrg, provider, {
    complete: images.complete && machines.complete,
    images: [
      ...images.items.flatMap(({ name, currency, createdAt, monthlyMicros }) => (monthlyMicros === null ? [] : [{ name, since: createdAt || deps.clock.now(), price: { currency, microsPerHour: Math.ceil(monthlyMicros / HOURS_A_MONTH), incrementMs: 0, monthMicros: monthlyMicros } }])),
      ...machines.items.flatMap(({ name, createdAt, quote }) => (quote === null ? [] : [{ name: `${MADE_OF}${name}`, since: createdAt || deps.clock.now(), price: priceOf(quote, 'running') }])),
    ],
  }, deps.clock.now())
  const images = createImages({ ...deps, kept, link: { publicUrl: deps.config.linkUrl ?? null, token } })
  const counting = startPeriodic({ name: 'images', everyMs: deadlines.reaperInterval, firstAfterMs: FIRST_COUNT_MS, log: deps.log, run: (signal) => images.round(signal) })
  deps.closers.add('images', async () => {
    await counting.stop()
    await images.stop()
  })
  return images
}
