/** What a workspace would cost, said before it is made, and asked about where somebody can answer. */
import type { Input } from '@berth/client'
import { BerthError } from '@berth/wire/error'
import { inAMonth, money, perHour } from '@berth/wire/money'
import { cleanLine } from '../clean.ts'
import type { Connection, Context } from '../context.ts'

/** `0.05` of a unit, in millionths. */
export function amount(text: string, option: string): number {
  if (!/^\d{1,7}(\.\d{1,6})?$/.test(text)) throw new BerthError('bad_request', `--${option} takes an amount such as 0.05, not "${text}"`)
  return Math.round(Number(text) * 1e6)
}

export interface Asked { readonly provider?: string | undefined; readonly resources: Input<'quoteWorkspace'>['resources']; readonly yes: boolean; readonly maxMicrosPerHour: number | undefined }

/** Throws `cancelled` where a person said no. An older server says nothing about it. */
export async function agreeToCost({ io, json, signal }: Context, { client }: Connection, { provider, resources, yes, maxMicrosPerHour }: Asked): Promise<void> {
  const quote = await client.quoteWorkspace({ ...(provider === undefined ? {} : { provider }), resources }, signal).catch((error: unknown) => {
    // Whether it can be made at all is said by who makes it, in words of its own.
    if (error instanceof BerthError && maxMicrosPerHour === undefined) return null
    throw error
  })
  if (quote === null || quote.free) return
  const { currency, runningMicrosPerHour, stoppedMicrosPerHour, runningMonthMicros, stoppedMonthMicros, note } = quote
  const running = { microsPerHour: runningMicrosPerHour, currency }
  if (maxMicrosPerHour !== undefined && runningMicrosPerHour > maxMicrosPerHour) {
    throw new BerthError('over_budget', `${quote.provider} takes ${perHour(running)} for it; you said at most ${perHour({ ...running, microsPerHour: maxMicrosPerHour })}`, { hint: 'ask for less with --memory and --cpus, choose another --provider, or raise --max-cost-per-hour' })
  }
  const stopped = stoppedMicrosPerHour === 0 ? 'nothing while stopped' : `${money(inAMonth(stoppedMicrosPerHour, stoppedMonthMicros), currency)} a month while stopped`
  io.note(`${io.noteStyle.bold(`${quote.provider}: ${perHour(running)}`)} while it runs (${money(inAMonth(runningMicrosPerHour, runningMonthMicros), currency)} a month), ${stopped}`)
  if (note !== '') io.note(io.noteStyle.dim(`  ${cleanLine(note, 300)}`))
  if (yes || json || !io.interactive) return
  if (!/^y(es)?$/i.test(await io.ask('Make it? [y/N] '))) throw new BerthError('cancelled', 'nothing was made')
}
