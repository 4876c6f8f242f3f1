/** The toolbox as machines elsewhere fetch it, and the images that are made with it. */
import { join } from 'node:path'
import { randomBytes } from 'node:crypto'
import type { Store } from '@berth/core'
import { defaultToolboxDir } from '@berth/toolbox'
import { createToolboxFiles } from '../link/toolbox-files.ts'
import { createImages, type Images, type ImagesDeps } from '../services/images.ts'

/** `imageToken`: what a machine shows that an image is made of. Of this process alone, and good for what is no secret. */
export function toolboxPlaces({ links }: Pick<Store, 'links'>) {
  const toolboxDir = defaultToolboxDir(process.env)
  const imageToken = `img_${randomBytes(32).toString('base64url')}`
  return { toolboxDir, agentsDir: join(toolboxDir, 'agents'), imageToken, toolboxFiles: createToolboxFiles({ dir: toolboxDir, links, imageToken }) }
}

export function startImages(deps: Omit<ImagesDeps, 'link'> & { readonly config: { readonly linkUrl?: string | undefined }; readonly closers: { add(name: string, close: () => Promise<void>): void } }, token: string): Images {
  const images = createImages({ ...deps, link: { publicUrl: deps.config.linkUrl ?? null, token } })
  deps.closers.add('images', () => images.stop())
  return images
}
