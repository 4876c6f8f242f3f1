/** The image of the engine beside a machine: one of an earlier run, the project's own from a registry, or one made from packages. */
import { ProviderFault } from '@berth/core'
// @ts-expect-error: `type: text` makes it a string, which the type checker does not know of
import buildScriptText from '../../../images/docker/build.sh' with { type: 'text' }
import { canPull, hasImage, hashOf, makeFromPackages, type ImageDeps } from '../images.ts'

const buildScript: string = buildScriptText
const PULLED = 'docker:28-dind'

export async function ensureEngineImage(deps: ImageDeps, signal: AbortSignal): Promise<string> {
  const made = `berth/docker:${hashOf(buildScript)}`
  if (await hasImage(deps.engine, made, signal)) return made
  if (await canPull(deps, PULLED, signal)) return PULLED
  deps.log('making an image with a Docker engine from Debian packages; this takes a minute, once')
  if (await makeFromPackages(deps, { reference: made, script: buildScript }, signal)) return made
  throw new ProviderFault('unsupported', `no image with a Docker engine can be had: no registry gives ${PULLED}, and none can be made here`, { hint: `let the engine pull ${PULLED}, or install mmdebstrap beside the server` })
}
