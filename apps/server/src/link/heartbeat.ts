/** Whether the daemon is still heard of, by a clock that does not run while this computer sleeps. */
export interface Heartbeat {
  heard(): void
  /** `silent`: nothing for too long. `news`: something since the last look. */
  look(): 'silent' | 'news' | 'nothing'
}

export function createHeartbeat(silenceMs: number): Heartbeat {
  let heardAt = performance.now()
  let lookedAt = heardAt
  return {
    heard() { heardAt = performance.now() },
    look() {
      if (performance.now() - heardAt > silenceMs) return 'silent'
      const news = heardAt > lookedAt
      lookedAt = heardAt
      return news ? 'news' : 'nothing'
    },
  }
}
