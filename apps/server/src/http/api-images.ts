/** The part of the contract about images that machines begin with. */
import { imagesApi } from '@berth/wire/images'
import { implement } from '@orpc/server'
import type { Images } from '../services/images.ts'
import type { ApiContext } from './api.ts'
import { signedIn } from './signed-in.ts'

export function imagesRouter({ images }: { images: Images }) {
  const os = implement(imagesApi).$context<ApiContext>().use(signedIn)
  return {
    listImages: os.listImages.handler(({ input }) => images.list(input.provider)),
    buildImage: os.buildImage.handler(({ input }) => images.build(input.provider, input.agents)),
    getImageBuild: os.getImageBuild.handler(({ input }) => images.progress(input.provider)),
    removeImage: os.removeImage.handler(async ({ input }) => {
      await images.remove(input.provider, input.name)
      return { removed: true as const }
    }),
  }
}
