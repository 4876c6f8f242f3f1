/** What git fetches: its questions by the host, or a pack by this server, where it has the very same one. */
import { readFetchCommand } from '@berth/core'
import { gitBody, shortBody } from '../git-hosting/git-body.ts'
import type { Operation, Outcome } from './gateway.ts'
import type { KeptPacks } from './kept-packs.ts'
import { askHost, onceWritten, passed } from './upstream.ts'
import type { Access } from './upstream.ts'

/** What a clone asks for; of what is longer nothing is known here. */
const COMMAND_LIMIT_BYTES = 64 * 1024

export interface FetchingDeps {
  readonly keptPacks: Pick<KeptPacks, 'find' | 'passing'>
  readonly send: typeof fetch
  noted(operation: Operation, outcome: Outcome): Promise<unknown>
}

export function createFetching({ keptPacks, send, noted }: FetchingDeps): (operation: Operation, access: Access) => Promise<Response> {
  return async (operation, { credential, missing }) => {
    const { workspace, wanted, request, own } = operation
    const { whole, body } = await shortBody(gitBody(request), COMMAND_LIMIT_BYTES)
    const command = whole === null || request.headers.get('git-protocol') !== 'version=2' ? null : readFetchCommand(whole)
    const asker = { orgId: workspace.orgId, workspaceId: workspace.id, origin: wanted.origin, path: wanted.path, own }
    const kept = command === null ? null : await keptPacks.find(asker, command)
    const reason = kept !== null ? 'the server had this pack already' : credential === null ? 'as a stranger, without the credential' : null
    const written = noted(operation, { allowed: true, reason, tokenExpiresAt: credential?.expiresAt ?? null })
    const answer = await onceWritten(written, kept === null ? askHost(send, wanted, { request, body, credential }) : Promise.resolve(kept))
    return passed(command === null || kept !== null ? answer : await keptPacks.passing(asker, command, answer), wanted, missing)
  }
}
