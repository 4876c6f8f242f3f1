/** How a secret may stand somewhere, in letters. */

/** In base64 the letters depend on where in three bytes it begins; those at its ends depend on its neighbours too. */
function inBase64(secret: string): string[] {
  return [0, 1, 2].map((before) => {
    const encoded = Buffer.from(`${'x'.repeat(before)}${secret}`).toString('base64').replaceAll('=', '')
    return encoded.slice(before === 0 ? 0 : 4, -4)
  })
}

/** Without those of two halves: each of them is looked for by itself. */
export function formsOf(secret: string): string[] {
  const hex = Buffer.from(secret).toString('hex')
  const base64 = inBase64(secret)
  const inUrl = base64.map((form) => form.replaceAll('+', '-').replaceAll('/', '_'))
  return [...new Set([secret, hex, hex.toUpperCase(), encodeURIComponent(secret), hex.toUpperCase().replaceAll(/../g, '%$&'), secret.split('').toReversed().join(''), ...base64, ...inUrl])]
}
