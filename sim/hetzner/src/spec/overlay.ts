/** Where Hetzner as its own clients know it differs from what it publishes. Each has its reason; what has none is a fault of ours. */
import type { Overlay } from '@berth/sim-spec'

const idOrName = { type: ['string', 'integer'] }
const pages = { page: { type: 'integer' }, per_page: { type: 'integer' }, sort: { type: 'array', items: { type: 'string' } }, status: { type: 'array', items: { type: 'string' } } }
export const OVERLAYS: readonly Overlay[] = [
  { operation: 'create_server', reason: 'the vendor\'s own client sends ids as numbers where it has them', body: { image: idOrName, server_type: idOrName, location: idOrName, ssh_keys: { type: 'array', items: idOrName } } },
  { operation: 'create_volume', reason: 'the vendor\'s own client sends ids as numbers where it has them', body: { location: idOrName } },
  { operation: 'get_multiple_actions', reason: 'the vendor\'s own client asks page by page', query: pages },
]
