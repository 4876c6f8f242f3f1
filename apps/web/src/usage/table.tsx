import './style.ts'
import { inert } from '../ui/inert.ts'
import { money, shortNumber } from '../ui/words.ts'
import type { Sum } from './sums.ts'

export function UsageTable({ rows, of }: { rows: readonly Sum[]; of: string }) {
  return (
    <table class="usage">
      <thead><tr><th scope="col">{of}</th><th scope="col">Read</th><th scope="col">Written</th><th scope="col">Cost</th></tr></thead>
      <tbody>
        {rows.map((row) => (
          <tr key={row.name}><th scope="row">{inert(row.name)}<small>{row.requests} {row.requests === 1 ? 'call' : 'calls'}</small></th><td>{shortNumber(row.tokensIn)}</td><td>{shortNumber(row.tokensOut)}</td><td>{costWords(row)}</td></tr>
        ))}
      </tbody>
    </table>
  )
}

/** What has no price is never shown as nothing. */
export function costWords({ costMicros, unpricedTokens }: Pick<Sum, 'costMicros' | 'unpricedTokens'>): string {
  if (unpricedTokens === 0) return money(costMicros)
  return costMicros === 0 ? 'no price' : `${money(costMicros)} and more`
}
