/** Where GitHub as its own clients know it differs from what it publishes. Each has its reason; what has none is a fault of ours. None is needed so far. */
import type { SchemaNode } from './normalise.ts'

export interface Overlay { readonly operation: string; readonly reason: string; readonly query: Record<string, SchemaNode> }
export const OVERLAYS: readonly Overlay[] = []
