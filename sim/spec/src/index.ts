/** A vendor's published OpenAPI 3.0 description as a strict judge of requests and answers. */
export { createGuard } from './guard.ts'
export type { Asked, Description, Guard, Matched, Operation, Overlay } from './guard.ts'
export { serveDescribed } from './serve.ts'
export type { NotAsked, Served } from './serve.ts'
export { createFill } from './fill.ts'
export type { SchemaNode } from './normalise.ts'
