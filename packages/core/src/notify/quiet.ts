/** Quiet hours where the person is: a zone's clock may jump, so the end is looked for and not computed. */
import type { NotifySettings } from '@berth/wire/settings'

type Quiet = NonNullable<NotifySettings['quiet']>

const MINUTE = 60_000
/** A window is shorter than a day, and a day at most some hours longer than usual. */
const LOOK_AHEAD_MINUTES = 30 * 60

/** When something of that moment is told. */
export function heldUntil({ quiet }: Pick<NotifySettings, 'quiet'>, at: number): number {
  return quietUntil(quiet, at) ?? at
}

/** When the quiet hours that hold now end; null: they do not hold. */
export function quietUntil(quiet: NotifySettings['quiet'], now: number): number | null {
  if (quiet === null || quiet.fromMinute === quiet.toMinute) return null
  const minuteAt = clockOf(quiet.zone)
  if (!within(quiet, minuteAt(now))) return null
  const start = Math.floor(now / MINUTE) * MINUTE
  for (let ahead = 1; ahead <= LOOK_AHEAD_MINUTES; ahead++) {
    const at = start + ahead * MINUTE
    if (!within(quiet, minuteAt(at))) return at
  }
  return null
}

function within({ fromMinute, toMinute }: Quiet, minute: number): boolean {
  return fromMinute < toMinute ? minute >= fromMinute && minute < toMinute : minute >= fromMinute || minute < toMinute
}

export function isZone(zone: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: zone }).resolvedOptions().timeZone !== ''
  } catch {
    return false
  }
}

/** Minutes since midnight in the zone; one that nobody knows any more counts as UTC. */
function clockOf(zone: string): (at: number) => number {
  const format = new Intl.DateTimeFormat('en-GB', { timeZone: isZone(zone) ? zone : 'UTC', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' })
  return (at) => {
    const [hour = '0', minute = '0'] = format.format(at).split(':')
    return Number(hour) * 60 + Number(minute)
  }
}
