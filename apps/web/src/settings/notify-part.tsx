import { useId } from 'preact/hooks'
import { useSignal } from '@preact/signals'
import type { NotifyReason, NotifySettings } from '@berth/wire/settings'
import { client, now } from '../state/session.ts'
import { Icon } from '../ui/icon.tsx'
import { inert } from '../ui/inert.ts'
import { refusalOf, useLoaded, type Refusal } from '../rooms/loaded.ts'
import { RefusalLine } from '../rooms/refusal-line.tsx'
import { when } from '../rooms/words.ts'
import { ChannelForm } from './channel-form.tsx'
import { minuteOf, timeOfMinute } from './minutes.ts'
import { Section, Switch } from './parts.tsx'
import type { SettingsRoom } from './settings-state.ts'
import { ThisDevice } from './this-device.tsx'

const REASONS: Record<NotifyReason, { label: string; note: string }> = {
  'needs-you': { label: 'An agent needs you', note: 'A permission, a question, a plan. Off: nobody is told on any channel, and the agent waits unseen.' },
  'turn-done': { label: 'A turn is done', note: 'There is something to review' },
  failed: { label: 'A workspace failed', note: 'With its cause' },
  stopped: { label: 'A machine stopped', note: 'For idleness, or its budget' },
  reminder: { label: 'Remind me', note: 'When a question still waits' },
}
const REMINDERS = [5, 10, 30, 60, 240] as const
const MINUTE_MS = 60_000
const EVENING = { fromMinute: 22 * 60, toMinute: 7 * 60 }

export function NotifyPart({ room, notify }: { room: SettingsRoom; notify: NotifySettings }) {
  const devices = useLoaded('devices', (signal) => client.listPushDevices(undefined, signal))
  const change = (next: Partial<NotifySettings>) => void room.change({ notify: next })
  const remove = async (deviceId: string) => {
    try {
      await client.removePushDevice({ deviceId })
      devices.reload()
    } catch (error) {
      room.refusal.value = refusalOf(error)
    }
  }
  return (
    <>
      <Section title="Notifications">
        <ThisDevice devices={devices.value.value ?? []} onChange={devices.reload} />
        {(Object.keys(REASONS) as NotifyReason[]).map((reason) => <Switch key={reason} label={REASONS[reason].label} note={REASONS[reason].note} on={notify.reasons[reason]} onChange={(on) => change({ reasons: { ...notify.reasons, [reason]: on } })} />)}
        {notify.reasons.reminder && (
          <label class="setting-row"><span class="grow">Again after</span>
            <select value={String(notify.reminderMs / MINUTE_MS)} onChange={(event) => change({ reminderMs: Number(event.currentTarget.value) * MINUTE_MS })}>
              {[...new Set([...REMINDERS, Math.round(notify.reminderMs / MINUTE_MS)])].sort((one, other) => one - other).map((minutes) => <option key={minutes} value={String(minutes)}>{minutes === 0 ? 'never' : minutes < 60 ? `${minutes} min` : `${minutes / 60} h`}</option>)}
            </select>
          </label>
        )}
        <Quiet quiet={notify.quiet} onChange={(quiet) => change({ quiet })} />
      </Section>
      <Section title="Other ways" note="They work without an encrypted address, and when the browser is closed.">
        <ChannelForm kind="ntfy" label="ntfy" url={notify.ntfy?.url ?? null} hasSecret={notify.ntfy?.hasToken ?? false} room={room} />
        <ChannelForm kind="webhook" label="Webhook" url={notify.webhook?.url ?? null} hasSecret={notify.webhook?.hasSecret ?? false} room={room} />
        <Test />
      </Section>
      {(devices.value.value?.length ?? 0) > 0 && (
        <Section title="Devices that are told">
          <RefusalLine refusal={devices.refusal.value} onRetry={devices.reload} />
          {devices.value.value?.map((device) => (
            <div key={device.id} class="setting-row">
              <span class="grow">{inert(device.name)}<small>{device.failing ? <span class="minus">{inert(device.failing)}</span> : device.lastSentAt === null ? `since ${when(device.addedAt, now.value)}, not told yet` : `told ${when(device.lastSentAt, now.value)}`}</small></span>
              <button type="button" class="btn quiet danger" onClick={() => void remove(device.id)}>Remove</button>
            </div>
          ))}
        </Section>
      )}
    </>
  )
}

function Quiet({ quiet, onChange }: { quiet: NotifySettings['quiet']; onChange: (quiet: NotifySettings['quiet']) => void }) {
  const { timeZone } = Intl.DateTimeFormat().resolvedOptions()
  const set = (side: 'fromMinute' | 'toMinute', text: string) => {
    const minute = minuteOf(text)
    if (quiet && minute !== null) onChange({ ...quiet, [side]: minute })
  }
  return (
    <>
      <Switch label="Quiet hours" note={quiet ? `Nothing is told; what waits for you is told at their end. ${quiet.zone}` : 'Hold everything back at night'} on={quiet !== null} onChange={(on) => onChange(on ? { ...EVENING, zone: timeZone } : null)} />
      {quiet && (
        <div class="setting-row times">
          <label>From <input type="time" value={timeOfMinute(quiet.fromMinute)} onChange={(event) => set('fromMinute', event.currentTarget.value)} /></label>
          <label>to <input type="time" value={timeOfMinute(quiet.toMinute)} onChange={(event) => set('toMinute', event.currentTarget.value)} /></label>
          {quiet.zone !== timeZone && <button type="button" class="btn quiet" onClick={() => onChange({ ...quiet, zone: timeZone })}>Use {timeZone}</button>}
        </div>
      )}
    </>
  )
}

type Result = Awaited<ReturnType<typeof client.testNotification>>[number]

function Test() {
  const results = useSignal<readonly Result[] | null>(null)
  const refusal = useSignal<Refusal | null>(null)
  const acting = useSignal(false)
  const label = useId()
  const test = async () => {
    acting.value = true
    refusal.value = null
    try {
      results.value = await client.testNotification({})
    } catch (error) {
      refusal.value = refusalOf(error)
    } finally {
      acting.value = false
    }
  }
  return (
    <div class="test-row">
      <button type="button" class="btn" id={label} disabled={acting.value} onClick={() => void test()}>{acting.value ? 'Sending' : 'Send a test to every channel'}</button>
      <ul role="status" aria-labelledby={label}>
        {results.value?.map((result) => <li key={result.channel}><Icon name={result.ok ? 'i-check' : 'i-x'} class={result.ok ? 'plus' : 'minus'} /><b>{inert(result.channel)}</b> {result.ok ? 'was taken' : inert(result.detail ?? 'was refused')}</li>)}
        {results.value?.length === 0 && <li>There is no channel yet: switch on this device, or add ntfy or a webhook.</li>}
      </ul>
      <RefusalLine refusal={refusal.value} />
    </div>
  )
}
