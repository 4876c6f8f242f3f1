/**
 * What calls under way may still use, beside what is written down: parallel calls must not pass a limit together that
 * each of them keeps. A call leaves when what it used is in the store.
 */
import { admit } from '@berth/core'

/** Whose limit a call must keep. A call may have to keep several. */
export interface LedgerAccount {
  readonly key: string
  readonly limitMicros: number
  readonly spent: () => Promise<number>
}
export interface LedgerCall {
  /** So much it has used by now. */
  used(micros: number): void
  /** The account whose limit is passed by what is written down and what calls have used by now. */
  over(): LedgerAccount | null
  /** Written down, or never begun. */
  end(): void
}
export type Opened = { readonly call: LedgerCall } | { readonly refused: 'wait' | 'stop'; readonly by: LedgerAccount }
export interface Ledger { open(accounts: readonly LedgerAccount[], worstMicros: number): Promise<Opened> }

interface UnderWay { asideMicros: number; usedMicros: number }
/** `endedMicros`: of calls that have ended since somebody began to look. */
interface Book { readonly calls: Set<UnderWay>; endedMicros: number }

export function createLedger(): Ledger {
  const books = new Map<string, Book>()
  return {
    async open(accounts, worstMicros) {
      const mine: UnderWay = { asideMicros: 0, usedMicros: 0 }
      const held = accounts.map((account) => {
        const book = books.get(account.key) ?? { calls: new Set<UnderWay>(), endedMicros: 0 }
        books.set(account.key, book)
        // From here on the book stays.
        book.calls.add(mine)
        return { account, book, endedBefore: book.endedMicros }
      })
      const end = (): void => {
        for (const { account, book } of held) {
          if (!book.calls.delete(mine)) continue
          book.endedMicros += mine.usedMicros
          if (book.calls.size === 0) books.delete(account.key)
        }
      }
      const known = await Promise.all(held.map(async (one) => ({ ...one, spentMicros: await one.account.spent() }))).catch((cause: unknown) => {
        end()
        throw cause
      })
      // Who ended meanwhile may be in what was read or not: better twice than never.
      const spentOf = ({ book, endedBefore, spentMicros }: typeof known[number]): number => spentMicros + book.endedMicros - endedBefore
      const sum = (book: Book, of: (call: UnderWay) => number): number => [...book.calls].reduce((total, call) => total + of(call), 0)
      for (const one of known) {
        const underWayMicros = sum(one.book, (call) => call === mine ? 0 : Math.max(call.asideMicros, call.usedMicros))
        const admission = admit({ limitMicros: one.account.limitMicros, spentMicros: spentOf(one), underWayMicros }, worstMicros)
        if (admission === 'go') continue
        end()
        return { refused: admission, by: one.account }
      }
      mine.asideMicros = worstMicros
      return {
        call: {
          used(micros) { mine.usedMicros = micros },
          over: () => known.find((one) => spentOf(one) + sum(one.book, ({ usedMicros }) => usedMicros) > one.account.limitMicros)?.account ?? null,
          end,
        },
      }
    },
  }
}
