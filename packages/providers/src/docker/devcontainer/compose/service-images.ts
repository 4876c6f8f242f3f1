/** The images of the services beside a machine: fetched, or built by the engine from what the project has. */
import { cp, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ProjectContext } from '@berth/core'
import { ensureImage, type ImageDeps } from '../../images.ts'
import { BuildFailed, type DevcontainerCli } from '../cli.ts'
import type { Service, ServiceShape } from './service.ts'

export interface ReadyService { readonly name: string; readonly image: string; readonly shape: ServiceShape }
export interface ServiceImages {
  readonly cli: Pick<DevcontainerCli, 'buildPlain'>
  readonly images: Omit<ImageDeps, 'log'>
  /** The copy of the project, and a place for what is put together from it. */
  readonly folder: string
  readonly scratch: string
  /** The name of the image of a service that has one of its own. */
  readonly tagOf: (service: string) => string
}

export async function makeServiceImage(deps: ServiceImages, service: Service, context: ProjectContext): Promise<ReadyService> {
  const { cli, folder, scratch, tagOf } = deps
  const { name, build, files, shape } = service
  let image = service.image ?? ''
  if (build !== null) {
    image = tagOf(name)
    context.log(`building the image of the service ${name}`)
    await cli.buildPlain({ context: join(folder, build.context), dockerfile: join(folder, build.dockerfile), args: build.args, target: build.target, tag: image }, { ...context, scratch })
  } else await ensureImage({ ...deps.images, log: context.log }, image, context.signal)
  if (files.length === 0) return { name, image, shape }
  const own = join(scratch, `service-${name}`)
  await mkdir(join(own, 'files'), { recursive: true })
  const lines = [`FROM ${image}`]
  for (const [at, { from, to }] of files.entries()) {
    await cp(join(folder, from), join(own, 'files', String(at)), { recursive: true, verbatimSymlinks: true }).catch((cause: unknown) => { throw new BuildFailed(`services.${name}: ${from} is not in the project`, String(cause)) })
    lines.push(`COPY ${JSON.stringify([`files/${at}`, to])}`)
  }
  await writeFile(join(own, 'Dockerfile'), `${lines.join('\n')}\n`)
  await cli.buildPlain({ context: own, dockerfile: join(own, 'Dockerfile'), args: {}, target: null, tag: `${tagOf(name)}-files` }, { ...context, scratch })
  return { name, image: `${tagOf(name)}-files`, shape }
}
