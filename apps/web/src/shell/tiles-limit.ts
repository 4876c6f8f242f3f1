/** As many as one page may watch at once (`WATCH_LIMIT` of the wire), less the workspace that is open. No run-time dependencies. */
export const WATCH_TILES = 12
