/**
 * The answer given in a notification. The token is the credential, for one answer to one request with one content,
 * once. It is in no cookie, so no other site can make a browser send it; what such a site could send is refused anyway.
 */
import { deadlines } from '@berth/core'
import type { Identity } from '@berth/core'
import { BerthError } from '@berth/wire'
import type { TokenId } from '@berth/wire'
import { z } from 'zod'
import { note } from '../access/record.ts'
import { readLimited } from '../http/body.ts'
import { ownOrigin } from '../http/credentials.ts'
import { decideApproval } from '../services/approvals.ts'
import type { ServiceDeps } from '../services/deps.ts'

const BODY_LIMIT = 4096
const Body = z.object({ token: z.string().min(1).max(200), behavior: z.enum(['allow', 'deny']).optional() })

export async function decideByToken(deps: ServiceDeps, request: Request): Promise<Response> {
  const answer = await answerIn(request)
  const now = deps.clock.now()
  const redeemed = await deps.store.decisionTokens.redeem(answer.token, now - deadlines.hookTimeout, now)
  if (redeemed === null || (answer.behavior !== undefined && answer.behavior !== redeemed.behavior)) throw refused()
  const { approvalId, contentHash, behavior, userId, userName, orgId } = redeemed
  const asked = await deps.store.approvals.get(approvalId)
  // It asks for something else now than what the notification showed.
  if (asked === null || asked.contentHash !== contentHash) throw refused()
  // Nothing of this identity but who it is is used: there is no API token behind it, and what they may is asked of the store.
  const identity: Identity = { tokenId: '' as TokenId, userId, userName, orgId, kind: 'browser', role: 'guest', scope: 'write' }
  const done = { action: 'approval.decide' as const, subject: `${approvalId} ${behavior} once, in a notification`, workspaceId: asked.workspaceId }
  const { state, decidedBy } = await decideApproval(deps, { id: approvalId, decision: { behavior, scope: 'once' }, via: 'push' }, identity).catch(async (error: unknown) => {
    if (error instanceof BerthError) await note(deps, identity, { ...done, refused: error.message })
    throw error
  })
  await note(deps, identity, done)
  return Response.json({ approvalId, state, behavior, decidedBy })
}

async function answerIn(request: Request): Promise<z.infer<typeof Body>> {
  if (request.method !== 'POST') throw new BerthError('bad_request', 'an answer is posted', { hint: 'POST, JSON {token}' })
  if (request.headers.get('content-type')?.split(';')[0]?.trim().toLowerCase() !== 'application/json') throw new BerthError('bad_request', 'the body is not JSON', { hint: 'send `content-type: application/json`' })
  const origin = request.headers.get('origin')
  const site = request.headers.get('sec-fetch-site')
  if ((origin !== null && origin !== ownOrigin(request)) || (site !== null && site !== 'same-origin' && site !== 'none')) throw new BerthError('forbidden', 'the request comes from another site', { hint: 'answer in Berth itself' })
  const body = Body.safeParse(parsed(new TextDecoder().decode(await readLimited(request, BODY_LIMIT))))
  if (!body.success) throw new BerthError('bad_request', 'the body is not {token}', { hint: 'send JSON {"token": "…"}' })
  return body.data
}

function refused(): BerthError {
  return new BerthError('forbidden', 'this answer was given already, or is no answer to what is asked now', { hint: 'open the question in Berth' })
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
