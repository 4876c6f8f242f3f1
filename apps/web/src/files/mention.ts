/** A place in the tree, said to whoever writes the message: the composer listens to `berth:mention` on the window. */
export interface Picked { readonly from: number; readonly to: number }
export interface Mention { readonly path: string; readonly from?: number; readonly to?: number }

export function mention(detail: Mention): void {
  dispatchEvent(new CustomEvent<Mention>('berth:mention', { detail }))
}

/** The first number begins, the next extends to it, one within the choice begins anew. */
export function pick(before: Picked | null, line: number, extend: boolean): Picked | null {
  if (before === null) return { from: line, to: line }
  if (before.from === line && before.to === line && !extend) return null
  if (!extend && before.from !== before.to) return { from: line, to: line }
  return { from: Math.min(before.from, line), to: Math.max(before.to, line) }
}
