/** Which question stands at our own viewer: one at a time, whole, and what is typed there answers that one and no other. */
import type { ApprovalRecord } from '../approval-book.ts'

export interface ShownAsk {
  /** What was asked, answered or withdrawn may have another one's turn come. */
  look(): void
  /** The one that the person sees; null: it was answered meanwhile, or there is none. */
  seen(): ApprovalRecord | null
}

export function createShownAsk(deps: { readonly waiting: () => readonly ApprovalRecord[]; readonly show: (text: string) => void }): ShownAsk {
  /** What was shown before the daemon was replaced stands there still. */
  let shown: string | null = deps.waiting()[0]?.approvalId ?? null
  const look = (): void => {
    const waiting = deps.waiting()
    const [next] = waiting
    if (next === undefined || waiting.some(({ approvalId }) => approvalId === shown)) return
    shown = next.approvalId
    deps.show(`? ${next.title}  (type y, or n and why)\n`)
  }
  return {
    look,
    seen: () => deps.waiting().find(({ approvalId }) => approvalId === shown) ?? null,
  }
}
