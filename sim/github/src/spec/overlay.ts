/** Where GitHub as its own clients know it differs from what it publishes. Each has its reason; what has none is a fault of ours. */
import type { Overlay } from '@berth/sim-spec'

export const OVERLAYS: readonly Overlay[] = [
  { operation: 'apps/list-installations', reason: 'published with an account that is a user and an enterprise at once (allOf), which nothing can be; one installation is described right', answers: { 200: { type: 'array', items: { $ref: '#/components/schemas/installation' } } } },
]
