/** A new machine exchanges its boot token for the token of its link. */
import { BerthError } from '@berth/wire'
import { EnrolRequest } from '@berth/wire/daemon'
import { asBerthError, refusal } from '../http/respond.ts'
import type { LinkServerDeps } from './link-server.ts'

const BODY_LIMIT = 16 * 1024

export async function enrol(deps: Pick<LinkServerDeps, 'store' | 'clock' | 'log'>, request: Request): Promise<Response> {
  try {
    const body = EnrolRequest.safeParse(await readJson(request))
    if (!body.success) throw new BerthError('bad_request', 'the enrolment cannot be understood')
    const { workspaceId, generation, bootToken } = body.data
    const enrolled = await deps.store.links.enrol(workspaceId, generation, bootToken, deps.clock.now())
    if (enrolled === null) throw new BerthError('unauthorized', 'this boot token is not known, or was used')
    return Response.json(enrolled)
  } catch (error) {
    return refusal(asBerthError(error, deps.log))
  }
}

/** Read piece by piece: what announces no length is still cut off at the limit. */
async function readJson(request: Request): Promise<unknown> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of (request.body ?? []) as AsyncIterable<Uint8Array>) {
    size += chunk.length
    if (size > BODY_LIMIT) throw new BerthError('too_large', 'the enrolment is too long')
    chunks.push(chunk)
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString())
  } catch {
    return null
  }
}
