import { describe, expect, it } from 'bun:test'
import type { ApprovalId, ApprovalState, UserId, WorkspaceId } from '@berth/wire'
import { NotifyMessage, NotifyReason } from '@berth/wire/settings'
import type { NotifySettings } from '@berth/wire/settings'
import fc from 'fast-check'
import type { Channel } from '../ports/notify-store.ts'
import { endingOf, tellEnding } from './ending.ts'
import { quietUntil } from './quiet.ts'
import { decideRetry, decideSend, GIVE_UP_MS } from './send.ts'
import { saysAll, tell, TOLD_PER_HOUR, IN_SIGHT_MS } from './tell.ts'
import type { Happening, Listener } from './tell.ts'

const NOW = Date.UTC(2026, 10, 21, 12, 0)
const workspace = { id: 'ws_000000000000' as WorkspaceId, name: 'demo' }
const userId = 'usr_000000000000' as UserId
const ON = { 'needs-you': true, 'turn-done': true, failed: true, stopped: true, reminder: true }
const settings = (over: Partial<NotifySettings> = {}): NotifySettings => ({ reasons: ON, quiet: null, reminderMs: 60_000, ntfy: null, webhook: null, ...over })
const CHANNELS: Channel[] = ['push:dev_a', 'push:dev_b', 'ntfy', 'webhook']
const listener = (over: Partial<Listener> = {}): Listener => ({ userId, settings: settings(), channels: CHANNELS.map((channel) => ({ channel, since: 0 })), present: false, toldLately: 0, ...over })
const asked: Happening = { kind: 'asked', approval: { approvalId: 'apr_000000000000' as ApprovalId, kind: 'permission', tool: 'Bash', title: 'run: rm -rf build', input: { command: 'rm -rf build' }, cwd: '/w', askedAt: NOW } }
const happened = (kind: 'turn-done' | 'failed' | 'stopped', at = NOW): Happening => ({ kind, id: 'evt_1', at, detail: 'words' })
const booleans = [true, false]
/** Every choice of one of each. */
function combinations<A, B, C, D, E>(...of: [readonly A[], readonly B[], readonly C[], readonly D[], readonly E[]]): [A, B, C, D, E][] {
  // Each place holds one of its own list.
  return of.reduce<unknown[][]>((sofar, choices) => sofar.flatMap((chosen) => choices.map((choice) => [...chosen, choice])), [[]]) as [A, B, C, D, E][]
}
/** A window that holds at NOW, and one that does not. */
const QUIET = { fromMinute: 11 * 60, toMinute: 13 * 60, zone: 'UTC' }
const LOUD = { fromMinute: 13 * 60, toMinute: 11 * 60, zone: 'UTC' }

describe('who is told', () => {
  it('holds over every happening, switch, presence and quiet window', () => {
    for (const [kind, on, present, quiet, reminder] of combinations(['asked', 'turn-done', 'failed', 'stopped'] as const, booleans, booleans, [null, QUIET, LOUD], booleans)) {
      const reason = kind === 'asked' ? 'needs-you' : kind
      const rows = tell(kind === 'asked' ? asked : happened(kind), workspace, listener({ present, settings: settings({ quiet, reasons: { ...ON, [reason]: on, reminder } }) }), NOW)
      const told = rows.filter(({ message, gaveUp }) => message.reason === reason && gaveUp === undefined)
      const expected = on && (kind === 'asked' || !present)
      expect(told.map(({ channel }) => channel)).toEqual(expected ? CHANNELS : [])
      if (kind !== 'asked') expect(rows.map(({ channel }) => channel)).toEqual(CHANNELS)
      for (const { dueAt } of told) expect(dueAt).toBe(quiet === QUIET ? NOW + 3600_000 : NOW + (present ? IN_SIGHT_MS : 0))
      expect(rows.filter(({ message }) => message.reason === 'reminder').length).toBe(kind === 'asked' && reminder ? CHANNELS.length : 0)
      for (const { message } of rows) expect(NotifyMessage.safeParse({ ...message, decide: null }).success).toBe(true)
    }
  })
  it('says a question to every channel, whoever looks, and again after the time that was set', () => {
    const rows = tell(asked, workspace, listener({ present: true }), NOW)
    expect(rows.filter(({ key }) => key.startsWith('ask:')).length).toBe(CHANNELS.length)
    expect(rows.filter(({ key }) => key.startsWith('remind:')).map(({ dueAt }) => dueAt)).toEqual(CHANNELS.map(() => NOW + 60_000))
    expect(new Set(rows.map(({ message }) => message.tag)).size).toBe(1)
    expect(rows[0]?.message).toMatchObject({ title: 'demo needs you', body: 'run: rm -rf build (deletes files)', url: '/workspaces/ws_000000000000?approval=apr_000000000000' })
    expect(tell(asked, workspace, listener({ settings: settings({ reminderMs: 0 }) }), NOW).every(({ key }) => key.startsWith('ask:'))).toBe(true)
  })
  it('costs nothing where there is no channel, and does not tell a new channel what was before it', () => {
    expect(tell(asked, workspace, listener({ channels: [] }), NOW)).toEqual([])
    expect(tell(happened('failed'), workspace, listener({ channels: [] }), NOW)).toEqual([])
    const channels = [{ channel: 'ntfy' as const, since: NOW }, { channel: 'webhook' as const, since: NOW + 1 }]
    expect(tell(happened('turn-done'), workspace, listener({ channels }), NOW).map(({ channel }) => channel)).toEqual(['ntfy'])
    // A question that is still open is news to any of them.
    expect(tell(asked, workspace, listener({ channels }), NOW).length).toBe(4)
  })
  it('does not ring without end for one workspace, and keeps a place for questions', () => {
    const told = (happening: Happening, toldLately: number) => tell(happening, workspace, listener({ toldLately }), NOW).filter(({ gaveUp }) => gaveUp === undefined).length
    expect([told(happened('failed'), TOLD_PER_HOUR.others - 1), told(happened('failed'), TOLD_PER_HOUR.others)]).toEqual([4, 0])
    expect([told(asked, TOLD_PER_HOUR.others), told(asked, TOLD_PER_HOUR.questions)]).toEqual([8, 0])
  })
  it('gives words that fit and steer no screen, whatever the agent wrote', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 3000 }), fc.string({ unit: 'binary', maxLength: 300 }), (text, name) => {
      for (const happening of [{ ...happened('turn-done'), detail: text }, { kind: 'asked', approval: { ...asked.approval, title: text } }] as Happening[]) {
        for (const { message } of tell(happening, { ...workspace, name }, listener(), NOW)) {
          expect(NotifyMessage.safeParse({ ...message, decide: null }).success).toBe(true)
          expect(message.title + message.body).not.toMatch(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/u)
        }
      }
    }))
  })
})

it("passes on the agent's own word, to whoever wants to hear from it", () => {
  const word: Happening = { kind: 'told', id: 'evt_2', at: NOW, title: 'Half way\u202e', detail: 'the shop opens' }
  const rows = tell(word, workspace, listener(), NOW)
  expect(rows.map(({ channel }) => channel)).toEqual(CHANNELS)
  expect(rows[0]?.message).toMatchObject({ reason: 'turn-done', title: 'demo: Half way', body: 'the shop opens', tag: 'told:ws_000000000000', approvalId: null })
  expect(tell(word, workspace, listener({ settings: settings({ reasons: { ...ON, 'turn-done': false } }) }), NOW).every(({ gaveUp }) => gaveUp === 'switched off')).toBe(true)
})

it('lets a command be answered there only when all of it is said', () => {
  const said = (command: string, title: string) => saysAll({ tool: 'Bash', title, input: { command } })
  expect(said('make\n  test', 'Bash: make test')).toBe(true)
  expect(said(`echo ${'a'.repeat(400)}; rm x`, `Bash: echo ${'a'.repeat(100)}\n… 200 characters left out …\naaa; rm x`)).toBe(false)
  expect(said('curl x | sh', 'Build the project')).toBe(false)
  expect(saysAll({ tool: 'Write', title: 'Write: a.txt', input: { file_path: 'a.txt' } })).toBe(true)
  expect(saysAll({ tool: 'Write', title: `Write: ${'a'.repeat(600)}`, input: { file_path: 'a' } })).toBe(false)
  const pushOf = (refs: number) => saysAll({ tool: 'berth:push', title: 'push 1 commit', input: { refs: Array.from({ length: refs }, (_, at) => `refs/heads/${at}: new → a`).join('\n') } })
  expect([1, 3, 4].map(pushOf)).toEqual([true, true, false])
})

describe('a repository that goes', () => {
  const day = 24 * 3600_000
  const ending = { id: 'repo_000000000000' as never, name: 'ledger', saidAt: NOW, endsAt: NOW + 7 * day }
  const listener = { userId, settings: settings(), channels: [{ channel: 'ntfy' as const, since: 0 }, { channel: 'webhook' as const, since: NOW + 1 }] }
  it('is told once for one end, to each channel that was there, early enough to keep it', () => {
    const [one, ...others] = tellEnding(ending, listener, NOW)
    expect(others).toEqual([])
    expect(one).toMatchObject({ channel: 'ntfy', dueAt: NOW, message: { reason: 'ending', title: 'ledger goes in 7 days', url: '/repositories' } })
    expect(tellEnding(ending, listener, NOW + day)[0]?.key).toBe(one?.key)
    expect(tellEnding({ ...ending, endsAt: ending.endsAt + 1 }, listener, NOW)[0]?.key).not.toBe(one?.key)
    expect(endingOf(one?.key ?? '')).toEqual({ id: ending.id, endsAt: ending.endsAt })
    expect(endingOf('ask:apr_0')).toBeNull()
  })
  it('is not told after days, when the row that kept it from being told twice may be gone', () => {
    expect(tellEnding(ending, listener, NOW + 3 * day)).toEqual([])
    expect(tellEnding({ ...ending, endsAt: NOW }, listener, NOW)).toEqual([])
  })
})

describe('quiet hours', () => {
  const hour = 60
  it('end where they end, over midnight too, and an empty window never holds', () => {
    expect(quietUntil(QUIET, NOW)).toBe(NOW + 3600_000)
    expect(quietUntil({ fromMinute: 22 * hour, toMinute: 7 * hour, zone: 'UTC' }, Date.UTC(2026, 0, 1, 23, 30))).toBe(Date.UTC(2026, 0, 2, 7))
    expect(quietUntil({ fromMinute: 22 * hour, toMinute: 7 * hour, zone: 'UTC' }, Date.UTC(2026, 0, 1, 7))).toBeNull()
    expect(quietUntil({ fromMinute: 60, toMinute: 60, zone: 'UTC' }, Date.UTC(2026, 0, 1, 1))).toBeNull()
    expect(quietUntil(null, NOW)).toBeNull()
  })
  it('follow the clock of the zone when it jumps', () => {
    const berlin = { fromMinute: 22 * hour, toMinute: 7 * hour, zone: 'Europe/Berlin' }
    // 29 March 2026: 02:00 becomes 03:00. 22:30 there is 21:30 UTC, 07:00 there is 05:00 UTC.
    expect(quietUntil(berlin, Date.UTC(2026, 2, 28, 21, 30))).toBe(Date.UTC(2026, 2, 29, 5))
    // 25 October 2026: 03:00 becomes 02:00. 22:30 there is 20:30 UTC, 07:00 there is 06:00 UTC.
    expect(quietUntil(berlin, Date.UTC(2026, 9, 24, 20, 30))).toBe(Date.UTC(2026, 9, 25, 6))
    // An end that the jump leaves out: the first minute after the gap, 01:00 UTC.
    expect(quietUntil({ ...berlin, toMinute: 2 * hour + 30 }, Date.UTC(2026, 2, 29, 0))).toBe(Date.UTC(2026, 2, 29, 1))
    expect(quietUntil({ ...berlin, zone: 'Asia/Kathmandu' }, Date.UTC(2026, 0, 1, 20))).toBe(Date.UTC(2026, 0, 2, 1, 15))
    expect(quietUntil({ ...berlin, zone: 'Mars/Olympus' }, Date.UTC(2026, 0, 1, 23))).toBe(Date.UTC(2026, 0, 2, 7))
  })
})

describe('a row that is due', () => {
  it('is decided over every reason, state of its question, screen and quiet window', () => {
    const states: (ApprovalState | null)[] = ['open', 'orphaned', 'decided', 'applied', 'superseded', null]
    for (const [reason, on, state, seen, quiet] of combinations(NotifyReason.options, booleans, states, booleans, [null, QUIET])) {
      const about = reason === 'needs-you' || reason === 'reminder'
      const facts = { row: { createdAt: NOW, attempts: 1, message: { reason, withdraw: false, approvalId: about ? 'apr_000000000000' : null } }, settings: settings({ quiet, reasons: { ...ON, [reason]: on } }), approval: state === null ? null : { state }, seen, over: false }
      const waits = state === 'open' || state === 'orphaned'
      const expected = !on || (about && !waits) ? 'drop' : quiet !== null || seen ? 'later' : 'send'
      expect([reason, on, state, seen, quiet, decideSend(facts, NOW).do]).toEqual([reason, on, state, seen, quiet, expected])
      expect(decideSend({ ...facts, row: { ...facts.row, message: { ...facts.row.message, withdraw: true } } }, NOW).do).toBe('send')
    }
  })
  it('of a repository that goes is told whatever is switched off, unless that was kept', () => {
    const facts = { row: { createdAt: NOW, attempts: 1, message: { reason: 'ending' as const, withdraw: false, approvalId: null } }, settings: settings({ reasons: Object.fromEntries(NotifyReason.options.map((each) => [each, false])) as typeof ON }), approval: null, seen: false }
    expect(decideSend({ ...facts, over: false }, NOW)).toEqual({ do: 'send' })
    expect(decideSend({ ...facts, over: true }, NOW)).toEqual({ do: 'drop', why: 'it is kept' })
    expect(decideSend({ ...facts, settings: settings({ quiet: QUIET }), over: false }, NOW)).toMatchObject({ do: 'later' })
  })
  it('is tried again ever later, and given up after a day', () => {
    let at = NOW
    let tries = 0
    for (;;) {
      tries += 1
      const next = decideRetry({ attempts: tries, dueAt: at }, { gone: false, why: 'no answer', afterMs: null }, at)
      if (next.do !== 'later') break
      expect(next.at).toBeGreaterThan(at)
      at = next.at
    }
    expect(at - NOW).toBeLessThanOrEqual(GIVE_UP_MS)
    expect(at - NOW).toBeGreaterThan(GIVE_UP_MS - 3600_000)
    expect(decideRetry({ attempts: 1, dueAt: NOW }, { gone: true, why: 'gone', afterMs: null }, NOW)).toEqual({ do: 'drop', why: 'gone' })
    expect(decideRetry({ attempts: 1, dueAt: NOW }, { gone: false, why: 'busy', afterMs: 60_000 }, NOW)).toEqual({ do: 'later', at: NOW + 60_000, counts: true })
  })
})
