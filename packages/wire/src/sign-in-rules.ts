/** What an agent's own sign-in says on its screen. No run-time dependencies. */

export interface SignInWords {
  /** Where a person goes. */
  readonly url: string | null
  /** What they type there. */
  readonly code: string | null
  /** They get something there that is to be brought back. */
  readonly wantsAnswer: boolean
}

/** Only what is https, and looks like the way in; the longest, because some print a short form of it too. */
const URL = /https:\/\/[^\s<>"'`\p{Cc}]+/gu
const WAY_IN = /auth|login|signin|sign-in|device|activate|verify/i
const CODE = /(?:^|\s)([A-Z0-9]{4}-[A-Z0-9]{4,6})(?=\s|$)/m
const ASKS = /(?:paste|enter)[^\n]*code|authorization code/i

/** The screen as text, in lines that are not wrapped. */
export function readSignIn(screen: string): SignInWords {
  const urls = (screen.match(URL) ?? []).filter((url) => WAY_IN.test(url)).sort((a, b) => b.length - a.length)
  const last = screen.trimEnd().split('\n').at(-1) ?? ''
  return { url: urls[0] ?? null, code: CODE.exec(screen)?.[1] ?? null, wantsAnswer: ASKS.test(last) }
}

/** A person is told this long before. */
const SOON_MS = 3 * 24 * 3600_000
const HOUR_MS = 3600_000

export function signInEnds(expiresAt: number | null, now: number): 'later' | 'soon' | 'ended' {
  if (expiresAt === null || expiresAt - now > SOON_MS) return 'later'
  return expiresAt <= now ? 'ended' : 'soon'
}
/** As words: "sign-in ends in 2 days". */
export function signInEndsIn(expiresAt: number, now: number): string {
  const hours = Math.abs(expiresAt - now) / HOUR_MS
  const [count, unit] = hours >= 36 ? [Math.round(hours / 24), 'day'] : hours >= 1 ? [Math.round(hours), 'hour'] : [Math.max(1, Math.round(hours * 60)), 'minute']
  const words = `${count} ${unit}${count === 1 ? '' : 's'}`
  return expiresAt <= now ? `sign-in ended ${words} ago` : `sign-in ends in ${words}`
}
