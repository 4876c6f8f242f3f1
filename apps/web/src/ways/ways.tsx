/** What leads out of a workspace, and in: where it may go, what its models cost, and who may do what in it. */
import type { Workspace } from '@berth/wire'
import '../usage/style.ts'
import { ModelsPart } from './models-part.tsx'
import { NetworkPart } from './network-part.tsx'
import { SharedPart } from './shared-part.tsx'

export function Ways({ workspace }: { workspace: Workspace }) {
  return <div class="ways"><NetworkPart workspace={workspace} /><ModelsPart workspace={workspace} /><SharedPart workspace={workspace} /></div>
}
