import { now, offlineSince } from '../state/session.ts'
import { Icon } from '../ui/icon.tsx'
import { timeOf } from '../ui/words.ts'

export function Stale() {
  return offlineSince.value === null ? null : <p class="offline" role="status"><Icon name="st-offline" />The server is not heard. You see it as of {timeOf(offlineSince.value)}{now.value - offlineSince.value > 3600_000 ? `, ${new Date(offlineSince.value).toLocaleDateString()}` : ''}.</p>
}
