/** The message of a commit that stands for a person's directory. Without run-time dependencies: `berth up` needs it at its start. */

/** Lines of the message of a commit that stands for a person's directory. */
export const SENT_TRAILERS = { from: 'Berth-From', included: 'Berth-Included' } as const

/** `from`: which clone of which machine. `included`: paths that only came because they were named, one character a byte. */
export function sentMessage(sent: { readonly from: string | null; readonly included: readonly string[] }): string {
  // Beyond ASCII as \u, so that no encoding is between the two.
  const included = JSON.stringify(sent.included).replace(/[^ -~]/g, (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`)
  return `work in progress\n\n${sent.from === null ? '' : `${SENT_TRAILERS.from}: ${sent.from}\n`}${sent.included.length === 0 ? '' : `${SENT_TRAILERS.included}: ${included}\n`}`
}
