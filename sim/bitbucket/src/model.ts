/** What stands at a Bitbucket, as far as pull requests go. */
import type { PathFault, Wrong } from '@berth/sim-vendor'

/** As the vendor's description names them, beside each operation. */
export type Scope = 'repository' | 'repository:write' | 'pullrequest' | 'pullrequest:write'
export type State = 'OPEN' | 'MERGED' | 'DECLINED' | 'SUPERSEDED'
export interface Pull { readonly id: number; readonly repository: string; readonly title: string; readonly description: string; readonly source: string; readonly destination: string; readonly draft: boolean; readonly createdAt: number; state: State }
export interface Status { readonly repository: string; readonly commit: string; readonly key: string; readonly name: string; readonly state: 'SUCCESSFUL' | 'FAILED' | 'INPROGRESS' | 'STOPPED'; readonly description: string; readonly refname: string | null; readonly createdAt: number }
export type Fault = PathFault<Wrong>

/** A request that is refused as the vendor refuses it. */
export class Refusal extends Error {
  readonly status: number
  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}
/** As the description has it, and not as the world is. */
export class Malformed extends Refusal {}
