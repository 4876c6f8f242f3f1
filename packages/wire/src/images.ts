/** Images that machines of a provider begin with, with the daemon and agents' programs in them. */
import { oc } from '@orpc/contract'
import { z } from 'zod'
import { AGENT_PROGRAMS, type AgentProgramName } from './agents.ts'

const ImageProgram = z.enum(Object.keys(AGENT_PROGRAMS) as [AgentProgramName, ...AgentProgramName[]])

export const MachineImage = z.object({
  provider: z.string(), /** At the vendor. */ name: z.string(), base: z.string(), state: z.enum(['making', 'ready', 'failed']),
  /** New machines begin with it: it has the daemon of this server. */
  fits: z.boolean(),
  /** Null: it needs none. */ toolbox: z.string().nullable(), createdAt: z.number(), sizeBytes: z.number().nullable(),
  /** For keeping it. Null: nothing, or nobody says. */
  monthlyMicros: z.number().int().nullable(), currency: z.string(),
})
export type MachineImage = z.infer<typeof MachineImage>

export const ImageBuild = z.object({
  provider: z.string(), state: z.enum(['making', 'ready', 'failed']), /** What is under way. */ detail: z.string().nullable(),
  /** Each line once, the oldest first. */
  log: z.array(z.string()), startedAt: z.number(), endedAt: z.number().nullable(),
  image: MachineImage.nullable(), failure: z.object({ code: z.string(), message: z.string(), hint: z.string().nullable() }).nullable(),
  price: z.object({ currency: z.string(), monthlyMicrosPerGb: z.number().int(), note: z.string() }),
})
export type ImageBuild = z.infer<typeof ImageBuild>

const tag = { tags: ['providers'] }
const Provider = z.string().max(64)
/** Spread into `api`. */
export const imagesApi = {
  /** `missing`: providers that could not say all. */
  listImages: oc.route({ method: 'GET', path: '/images', summary: 'Prepared images, at every provider that has them', ...tag })
    .input(z.object({ provider: Provider.optional() })).output(z.object({ images: z.array(MachineImage), missing: z.array(z.string()) })),
  /** Returns at once. One that is there already, or being made, is that one. */
  buildImage: oc.route({ method: 'POST', path: '/images', summary: 'Make the image that new machines of a provider begin with', ...tag })
    .input(z.object({ provider: Provider, agents: z.array(ImageProgram).max(10).default(['claude']) })).output(ImageBuild),
  getImageBuild: oc.route({ method: 'GET', path: '/images/builds/{provider}', summary: 'How far an image is', ...tag }).input(z.object({ provider: Provider })).output(ImageBuild),
  removeImage: oc.route({ method: 'DELETE', path: '/images/{provider}/{name}', summary: 'Remove a prepared image; machines go on', ...tag }).input(z.object({ provider: Provider, name: z.string().max(300) })).output(z.object({ removed: z.literal(true) })),
}
