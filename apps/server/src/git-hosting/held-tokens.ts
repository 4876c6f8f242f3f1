/**
 * Tokens that a git host makes for one operation of git. git asks several times for one operation, so a token is kept until
 * nobody has asked for a moment; then it is given back.
 */

export interface Lease {
  readonly token: string
  /** Null: it ends when it is given back. */
  readonly expiresAt: number | null
  /** The host has a repository under its path alone, without `.git`. */
  readonly exact?: true
  release(): void
  /** The host does not take it any more: the next lease is another one. */
  discard(): void
}
/** `missing`: the host gives none, in words for people. Null: nothing that makes any is kept for that host. */
export type Leased = { readonly lease: Lease } | { readonly missing: Refused } | null
export interface Refused { readonly message: string; readonly hint: string }
/** A secret. */
export interface Minted { readonly token: string; readonly expiresAt: number | null; /** Does not throw. */ giveBack(): Promise<void> }

export interface HeldTokens {
  /** `key`: who may do what, where. */
  lease(key: string, mint: () => Promise<Minted | Refused | null>): Promise<Leased>
  /** Those are worthless, or may be: the next operation asks anew. */
  forget(isMeant: (key: string) => boolean): void
  /** Gives back what is out. */
  stop(): Promise<void>
}

const LINGER_MS = 15_000
/** One that ends sooner is not begun with. */
const LEFT_MS = 10 * 60_000

interface Held extends Minted { uses: number; timer: NodeJS.Timeout | null }

export function createHeldTokens({ now, lingerMs = LINGER_MS }: { now(): number; lingerMs?: number }): HeldTokens {
  const held = new Map<string, Held>()
  const minting = new Map<string, Promise<Held | Refused | null>>()

  async function giveBack(key: string, one: Held): Promise<void> {
    if (held.get(key) === one) held.delete(key)
    await one.giveBack()
  }
  function use(key: string, one: Held): Lease {
    if (one.timer !== null) clearTimeout(one.timer)
    one.timer = null
    one.uses += 1
    let out = true
    return {
      token: one.token, expiresAt: one.expiresAt,
      release() {
        if (!out) return
        out = false
        one.uses -= 1
        if (one.uses === 0) one.timer = setTimeout(() => void giveBack(key, one), lingerMs)
      },
      discard() {
        if (held.get(key) === one) held.delete(key)
      },
    }
  }
  const begun = async (mint: () => Promise<Minted | Refused | null>): Promise<Held | Refused | null> => {
    const made = await mint()
    return made === null || 'message' in made ? made : { ...made, uses: 0, timer: null }
  }
  return {
    async lease(key, mint) {
      const present = held.get(key)
      if (present !== undefined && (present.expiresAt === null || present.expiresAt - now() > LEFT_MS)) return { lease: use(key, present) }
      const under = minting.get(key) ?? begun(mint).finally(() => minting.delete(key))
      minting.set(key, under)
      const made = await under
      if (made === null) return null
      if ('message' in made) return { missing: made }
      // The one before is used to its end by whoever has it.
      held.set(key, made)
      return { lease: use(key, made) }
    },
    forget(isMeant) {
      for (const [key, one] of held) {
        if (!isMeant(key)) continue
        held.delete(key)
        if (one.timer !== null) clearTimeout(one.timer)
        if (one.uses === 0) void giveBack(key, one)
      }
    },
    async stop() {
      for (const one of held.values()) if (one.timer !== null) clearTimeout(one.timer)
      await Promise.all([...held].map(([key, one]) => giveBack(key, one)))
    },
  }
}
