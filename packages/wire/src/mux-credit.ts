/** How much may be in flight: per stream, and over the whole connection. The rules are in mux.ts. */
export const WINDOW_START = 1024 * 1024
export const WINDOW_LIMIT = 4 * 1024 * 1024
export const CONNECTION_CREDIT = 16 * 1024 * 1024
/** Streams one connection carries, by who opened them: the server opens terminals and previews, the daemon git. */
export const STREAM_LIMIT = { server: 192, daemon: 64 } as const
/** In flight for any stream, whatever the others do. 256 of them are half of the connection's credit. */
export const RESERVE = 32 * 1024
/** The rest, shared. */
export const POOL = CONNECTION_CREDIT - (STREAM_LIMIT.server + STREAM_LIMIT.daemon) * RESERVE
/** Above this many unreported bytes on the connection each reader reports early, so that no writer waits for a report. */
export const PRESSURE = CONNECTION_CREDIT / 4

/** How much of the pool a stream with so many bytes in flight occupies. */
export const fromPool = (inFlight: number): number => Math.max(0, inFlight - RESERVE)
