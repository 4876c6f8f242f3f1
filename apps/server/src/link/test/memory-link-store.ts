/** The link's part of the store, in memory, by the rules of daemon-protocol.ts; it can be copied and put back. */
import type { LinkStore, UploadOutcome } from '@berth/core'
import type { EventId, WorkspaceId } from '@berth/wire'
import type { JournalEntry } from '@berth/wire/daemon'

interface Machine { workspaceId: WorkspaceId; generation: number; bootToken: string | null; linkToken: string | null; wanted: boolean }
interface State {
  machines: Machine[]
  epochs: Record<string, number>
  journals: Record<string, number>
  events: Record<string, { id: EventId; body: JournalEntry['body'] }[]>
}
export interface MemoryLinkStore extends LinkStore {
  events(workspaceId: WorkspaceId): { id: EventId; body: JournalEntry['body'] }[]
  readonly reports: number
  readonly seenCount: number
  readonly openEpochs: ReadonlySet<string>
  backup(): string
  restore(backup: string): void
  unwant(workspaceId: WorkspaceId): void
  /** Called before each upload; throwing makes it fail. */
  beforeUpload: () => void | Promise<void>
  afterUpload: (outcome: UploadOutcome) => void
}

export function createMemoryLinkStore(): MemoryLinkStore {
  let state: State = { machines: [], epochs: {}, journals: {}, events: {} }
  const openEpochs = new Set<string>()
  let reports = 0
  let seenCount = 0
  let tokens = 0
  const eventsOf = (id: string) => (state.events[id] ??= [])

  function store(batch: { workspaceId: WorkspaceId; epoch: number; journalId: string; entries: readonly JournalEntry[] }): UploadOutcome {
    if (batch.epoch !== state.epochs[batch.workspaceId]) return { kind: 'fenced' }
    const key = `${batch.workspaceId}/${batch.journalId}`
    const kept = eventsOf(batch.workspaceId)
    const known = new Set(kept.map((event) => event.id))
    const last = state.journals[key] ?? 0
    // A batch is stored whole or not at all.
    let n = last
    const fresh: { id: EventId; body: JournalEntry['body'] }[] = []
    for (const entry of batch.entries) {
      if (entry.n <= n) {
        if (!known.has(entry.id)) return { kind: 'rotate' }
        continue
      }
      if (entry.n > n + 1) return { kind: 'expected', n: n + 1 }
      n = entry.n
      // Under a new journal id what the old one had brought comes again.
      if (!known.has(entry.id)) fresh.push({ id: entry.id, body: entry.body })
      known.add(entry.id)
    }
    kept.push(...fresh)
    state.journals[key] = n
    return { kind: 'stored', ackedN: n }
  }

  const memory: MemoryLinkStore = {
    async issueBootToken(workspaceId, generation) {
      const bootToken = `boot-token-${(tokens += 1)}`
      state.machines.push({ workspaceId, generation, bootToken, linkToken: null, wanted: true })
      return bootToken
    },
    async knowsBootToken(workspaceId, generation, bootToken) {
      return state.machines.some((m) => m.workspaceId === workspaceId && m.generation === generation && m.bootToken === bootToken)
    },
    async enrol(workspaceId, generation, bootToken) {
      const machine = state.machines.find((m) => m.workspaceId === workspaceId && m.generation === generation && m.bootToken === bootToken)
      if (machine === undefined) return null
      machine.linkToken ??= `link-token-${(tokens += 1)}`
      return { linkToken: machine.linkToken }
    },
    async authenticateLink(token) {
      const machine = state.machines.find((m) => m.linkToken === token && m.wanted)
      return machine === undefined ? null : { workspaceId: machine.workspaceId, generation: machine.generation }
    },
    async openLink(link) {
      const epoch = (state.epochs[link.workspaceId] ?? 0) + 1
      state.epochs[link.workspaceId] = epoch
      for (const machine of state.machines) if (machine.workspaceId === link.workspaceId && machine.generation === link.generation) machine.bootToken = null
      openEpochs.add(`${link.workspaceId}/${epoch}`)
      const ackedN = state.journals[`${link.workspaceId}/${link.journalId}`] ?? 0
      return { epoch, journal: link.lastN < ackedN ? { do: 'rotate' } : { do: 'continue', ackedN } }
    },
    async closeLink(workspaceId, epoch) { openEpochs.delete(`${workspaceId}/${epoch}`) },
    async closeLinksOf() { openEpochs.clear() },
    async seen() { seenCount += 1 },
    async upload(batch) {
      await memory.beforeUpload()
      const outcome = store(batch)
      memory.afterUpload(outcome)
      return outcome
    },
    async report() { reports += 1 },
    events: (id) => eventsOf(id),
    get reports() { return reports },
    get seenCount() { return seenCount },
    openEpochs,
    backup: () => JSON.stringify(state),
    restore(backup) { state = JSON.parse(backup) as State },
    unwant(id) { for (const machine of state.machines) if (machine.workspaceId === id) machine.wanted = false },
    beforeUpload: () => {},
    afterUpload: () => {},
  }
  return memory
}
