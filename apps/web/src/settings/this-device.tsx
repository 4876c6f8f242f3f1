import { useEffect } from 'preact/hooks'
import { useSignal } from '@preact/signals'
import type { PushDevice } from '@berth/wire/settings'
import { client } from '../state/session.ts'
import { refusalOf, type Refusal } from '../rooms/loaded.ts'
import { RefusalLine } from '../rooms/refusal-line.tsx'
import { Switch } from './parts.tsx'
import { deviceName, keyBytes, pushWorld, whyNoPush } from './push-support.ts'

const DEVICE_KEY = 'berth-push-device'
/** The service worker is registered by the page; a browser that refuses it never becomes ready. */
const WORKER_MS = 8000

/** Tell this device, after the browser was asked; or why it cannot be told. */
export function ThisDevice({ devices, onChange }: { devices: readonly PushDevice[]; onChange: () => void }) {
  const why = useSignal(whyNoPush(pushWorld()))
  const known = useSignal<string | null>(null)
  const acting = useSignal(false)
  const refusal = useSignal<Refusal | null>(null)
  useEffect(() => {
    try {
      known.value = localStorage.getItem(DEVICE_KEY)
    } catch {
      // A browser that keeps nothing is told nothing either.
    }
  }, [])
  const on = known.value !== null && devices.some((device) => device.id === known.value)
  const change = async (next: boolean) => {
    acting.value = true
    refusal.value = null
    try {
      known.value = next ? await tell() : await tellNoMore(known.value)
      onChange()
    } catch (error) {
      refusal.value = refusalOf(error)
    } finally {
      acting.value = false
      why.value = whyNoPush(pushWorld())
    }
  }
  return (
    <>
      <Switch label="Notify this device" note={why.value ? <>{why.value.words} {why.value.hint}</> : on ? 'It is told even when Berth is closed' : 'The browser asks you once'} on={on} disabled={acting.value || (why.value !== null && !on)} onChange={(next) => void change(next)} />
      <RefusalLine refusal={refusal.value} onDismiss={() => (refusal.value = null)} />
    </>
  )
}

async function tell(): Promise<string | null> {
  if ((await Notification.requestPermission()) !== 'granted') throw new Error('The browser did not allow notifications.')
  const worker = await Promise.race([navigator.serviceWorker.ready, new Promise<null>((resolve) => setTimeout(() => resolve(null), WORKER_MS))])
  if (worker === null) throw new Error('The part of Berth that receives notifications is not installed in this browser. Load the page again, then try once more.')
  const { publicKey } = await client.pushKey()
  const subscription = (await worker.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: keyBytes(publicKey) })).toJSON()
  const { endpoint, keys } = subscription
  if (endpoint === undefined || keys?.['p256dh'] === undefined || keys['auth'] === undefined) throw new Error('The browser gave no address to send to.')
  const device = await client.addPushDevice({ name: deviceName(navigator.userAgent), subscription: { endpoint, keys: { p256dh: keys['p256dh'], auth: keys['auth'] } } })
  localStorage.setItem(DEVICE_KEY, device.id)
  return device.id
}

async function tellNoMore(id: string | null): Promise<null> {
  if (id !== null) await client.removePushDevice({ deviceId: id })
  const worker = await navigator.serviceWorker?.getRegistration()
  await (await worker?.pushManager.getSubscription())?.unsubscribe()
  localStorage.removeItem(DEVICE_KEY)
  return null
}
