/** What git fetches: its questions by the host, or a pack by this server, where it has the very same one. */
import { readFetchCommand } from '@berth/core'
import type { FetchCommand } from '@berth/core'
import { gitBody, shortBody } from '../git-hosting/git-body.ts'
import type { Operation, Outcome } from './gateway.ts'
import type { Asker, KeptPacks } from './kept-packs.ts'
import { askHost, onceWritten, passed } from './upstream.ts'
import type { Access } from './upstream.ts'

/** What a clone asks for; of what is longer nothing is known here. */
const COMMAND_LIMIT_BYTES = 512 * 1024

export interface FetchingDeps {
  readonly keptPacks: Pick<KeptPacks, 'find' | 'passing' | 'ahead'>
  readonly send: typeof fetch
  noted(operation: Operation, outcome: Outcome): Promise<unknown>
}

export function createFetching({ keptPacks, send, noted }: FetchingDeps): (operation: Operation, access: Access) => Promise<Response> {
  /** An answer without bytes, which ends when the pack is here. Where it is here already, nobody is asked. */
  const packAhead = async (operation: Operation, { credential, missing }: Access, { asker, command, body }: { asker: Asker; command: FetchCommand; body: BodyInit }): Promise<Response> => {
    const { wanted, request } = operation
    const place = await keptPacks.ahead(asker, command)
    if (place === null) return silent(Promise.resolve())
    try {
      const written = noted(operation, { allowed: true, reason: reasonOf(operation, credential), tokenExpiresAt: credential?.expiresAt ?? null })
      return silent(place.take(passed(await onceWritten(written, askHost(send, wanted, { request, body, credential })), wanted, missing)))
    } catch (error) {
      await place.drop(error instanceof Error ? error : new Error(String(error)))
      throw error
    }
  }
  return async (operation, access) => {
    const { credential, missing } = access
    const { workspace, wanted, request, own } = operation
    const { whole, body } = await shortBody(gitBody(request), COMMAND_LIMIT_BYTES)
    const command = whole === null || request.headers.get('git-protocol') !== 'version=2' ? null : readFetchCommand(whole)
    const asker = { orgId: workspace.orgId, workspaceId: workspace.id, origin: wanted.origin, path: wanted.path, own }
    if (operation.ahead && command?.kind === 'pack') return packAhead(operation, access, { asker, command, body })
    const kept = command === null ? null : await keptPacks.find(asker, command)
    const reason = kept !== null ? 'the server had this pack already' : reasonOf(operation, credential)
    const written = noted(operation, { allowed: true, reason, tokenExpiresAt: credential?.expiresAt ?? null })
    const answer = await onceWritten(written, kept === null ? askHost(send, wanted, { request, body, credential }) : Promise.resolve(kept))
    return passed(command === null || kept !== null ? answer : await keptPacks.passing(asker, command, answer), wanted, missing)
  }
}

function reasonOf({ ahead }: Operation, credential: Access['credential']): string | null {
  const said = [...(ahead ? ['the server asked ahead'] : []), ...(credential === null ? ['as a stranger, without the credential'] : [])]
  return said.length === 0 ? null : said.join('; ')
}

function silent(until: Promise<void>): Response {
  return new Response(new ReadableStream({
    async start(controller) {
      await until
      controller.close()
    },
  }))
}
