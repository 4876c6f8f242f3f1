/**
 * A server that breaks one promise on purpose, so that a sweep can be seen to notice. It is the product's own server
 * around a store that is wrong in one place; the product itself has no such switch.
 *
 * `late`        nothing is broken: what a twin's daemon says reaches the database only after a newer link was opened,
 *               and a daemon hears late that its entries are stored, so that one which dies sends them again
 * `no-dedupe`   as `late`, and an entry that is sent again is stored again
 * `no-fencing`  as `late`, and old epochs may write
 */
import { serve } from '@berth/server'
import type { LinkStore, Store } from '@berth/core'
import { randomIds } from '@berth/wire'
import { TWIN_BOOT } from './twin.ts'

type Upload = Parameters<LinkStore['upload']>[0]

/** Longer than a sweep in full flow takes from a number's arrival to the kill, which therefore comes before the answer. */
const ANSWER_LATE_MS = 700

function withoutDedupe(links: LinkStore): LinkStore {
  const storedUpTo = new Map<string, number>()
  return {
    ...links,
    async openLink(link, now) {
      const opened = await links.openLink(link, now)
      if (opened.journal.do === 'continue') storedUpTo.set(link.journalId, opened.journal.ackedN)
      return opened
    },
    async upload(batch, now) {
      const upTo = storedUpTo.get(batch.journalId) ?? 0
      const outcome = await links.upload(batch, now)
      if (outcome.kind === 'stored') storedUpTo.set(batch.journalId, outcome.ackedN)
      const repeated = batch.entries.filter((entry) => entry.n <= upTo)
      if (repeated.length > 0 && outcome.kind !== 'fenced') await links.upload(asNew(batch, repeated), now)
      return outcome
    },
  }
}

/** Under another journal and other ids the store knows none of them. */
function asNew(batch: Upload, entries: Upload['entries']): Upload {
  return { ...batch, journalId: crypto.randomUUID(), entries: entries.map((entry, at) => ({ ...entry, n: at + 1, id: randomIds.event() })) }
}

function withLateTwins(links: LinkStore, options: { fencing: boolean }): LinkStore {
  const newest = new Map<string, number>()
  const twins = new Set<number>()
  const waiting: { workspaceId: string; epoch: number; go(): void }[] = []
  return {
    ...links,
    async openLink(link, now) {
      const opened = await links.openLink(link, now)
      newest.set(link.workspaceId, opened.epoch)
      if (link.boot.startsWith(TWIN_BOOT)) twins.add(opened.epoch)
      for (const one of waiting) if (one.workspaceId === link.workspaceId && one.epoch < opened.epoch) one.go()
      return opened
    },
    async upload(batch, now) {
      if (!twins.has(batch.epoch)) return links.upload(batch, now)
      if ((newest.get(batch.workspaceId) ?? 0) <= batch.epoch) await new Promise<void>((go) => waiting.push({ workspaceId: batch.workspaceId, epoch: batch.epoch, go }))
      return links.upload({ ...batch, epoch: options.fencing ? batch.epoch : (newest.get(batch.workspaceId) ?? batch.epoch) }, now)
    },
  }
}

function withLateAnswers(links: LinkStore): LinkStore {
  return {
    ...links,
    async upload(batch, now) {
      const outcome = await links.upload(batch, now)
      await Bun.sleep(ANSWER_LATE_MS)
      return outcome
    },
  }
}

function broken(store: Store, fault: string): Store {
  const links = withLateTwins(store.links, { fencing: fault !== 'no-fencing' })
  return { ...store, links: withLateAnswers(fault === 'no-dedupe' ? withoutDedupe(links) : links) }
}

if (import.meta.main) {
  const [fault = 'late'] = process.argv.slice(2)
  const server = await serve({ home: process.env['BERTH_HOME'] ?? '', log: (line) => { process.stderr.write(`${line}\n`) }, store: (store) => broken(store, fault) })
  process.on('SIGTERM', () => void server.stop())
  await server.stopped
  process.exit(0)
}
