/** Why a pod that is wanted is not there yet: for a while it is waited for, then it is a fault with the cluster's words. */
import { ProviderFault } from '@berth/core'
import { exitOf, type ContainerStatus, type Pod } from './machine.ts'

/** A node that is bought when it is needed takes minutes to come. */
export const NO_ROOM_PATIENCE_MS = 5 * 60_000
const WORDS_SHOWN = 300
const IMAGE = new Set(['ImagePullBackOff', 'InvalidImageName', 'ErrImageNeverPull', 'ImageInspectError'])
const CONFIG = new Set(['CreateContainerConfigError', 'CreateContainerError', 'RunContainerError'])

export type Pending =
  | { readonly kind: 'waits'; readonly detail: string }
  | { readonly kind: 'crashes'; readonly container: string; readonly detail: string }
  | { readonly kind: 'fault'; readonly fault: ProviderFault }

export function pendingOf(pod: Pod, now: number): Pending {
  const { status } = pod
  const unscheduled = status?.conditions?.find(({ type, status: is }) => type === 'PodScheduled' && is === 'False')
  if (unscheduled !== undefined) {
    const since = Date.parse(unscheduled.lastTransitionTime ?? '')
    const detail = `no node takes it yet: ${shown(unscheduled.message)}`
    if (!(now - since > NO_ROOM_PATIENCE_MS)) return { kind: 'waits', detail }
    return { kind: 'fault', fault: new ProviderFault('capacity', `no node of the cluster has room: ${shown(unscheduled.message)}`, { committed: 'yes', hint: 'ask for less memory or fewer processors, or add a node' }) }
  }
  for (const container of [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])]) {
    const found = ofContainer(container)
    if (found !== null) return found
  }
  return { kind: 'waits', detail: 'the pod starts' }
}

function ofContainer(container: ContainerStatus): Pending | null {
  const { reason = '', message } = container.state?.waiting ?? {}
  const fault = (category: 'image' | 'invalid', what: string, hint: string): Pending => ({ kind: 'fault', fault: new ProviderFault(category, `${what}: ${shown(message) || reason}`, { committed: 'yes', hint }) })
  if (IMAGE.has(reason)) return fault('image', 'the image cannot be had', 'see that its name is right, that the nodes may pull it, and `--image-pull-secret` of `berth provider setup kubernetes`')
  if (CONFIG.has(reason)) return fault('invalid', 'the container cannot be made', 'see the docs for what an image needs')
  if (reason === 'CrashLoopBackOff') return { kind: 'crashes', container: container.name, detail: `its program ended${exitOf(container)}` }
  return null
}

/** Said by an event of what should have made the pod. */
export function refusedFault(message: string, meaning: { readonly category: ProviderFault['category']; readonly hint: string }): ProviderFault {
  return new ProviderFault(meaning.category, `the cluster refuses the pod: ${shown(message)}`, { committed: 'yes', hint: meaning.hint })
}

const shown = (message: string | undefined): string => (message ?? '').slice(0, WORDS_SHOWN)
