/**
 * A device that is told: a page that subscribes, a push service of ours that opens what the server sealed for it, and
 * the browser that hands it to the page's own worker. Only the network of the browser's maker is not there.
 */
import type { Page, Worker } from 'playwright-core'
import { decryptPush, makeSubscription, startReceiver, type Arrived, type Receiver } from '@berth/testkit/push-service'
import { NotifyMessage } from '@berth/wire/settings'
import { eventually } from '../product.ts'

export interface Shown { readonly title: string; readonly body: string; readonly tag: string; readonly stays: boolean; readonly actions: string[] }
export interface PushDevice {
  readonly receiver: Receiver
  /** What its worker complained of. */
  readonly errors: readonly string[]
  /** All that arrived for it, opened. */
  arrived(): NotifyMessage[]
  /** Until one of those that arrived, or arrive, holds. */
  told(holds: (message: NotifyMessage) => boolean): Promise<NotifyMessage>
  /** What the browser's push service hands to the browser, and the browser to the worker; until that has done it. */
  deliver(message: NotifyMessage): Promise<void>
  /** The notification with that tag, once it is shown. */
  showing(tag: string): Promise<Shown>
  gone(tag: string): Promise<unknown>
  /** The press of a button on it. */
  press(tag: string, action: 'allow' | 'deny'): Promise<void>
  /** In the settings, as a person does it. */
  switchOn(): Promise<void>
  close(): Promise<void>
}

const PATH = '/push/phone'
const SHOWN_MS = 20_000

/** Of a page that is signed in. */
export async function startPushDevice(phone: Page): Promise<PushDevice> {
  const origin = new URL(phone.url()).origin
  const receiver = startReceiver()
  const device = makeSubscription(`${receiver.url}${PATH}`)
  const errors: string[] = []
  let registrationId = ''
  await phone.context().grantPermissions(['notifications'], { origin })
  // Where the browser's maker would give an address, ours is given, for this server's key alone.
  await phone.context().addInitScript(({ endpoint, keys }) => {
    PushManager.prototype.subscribe = async (options) => {
      const key = new Uint8Array(options?.applicationServerKey as ArrayBuffer)
      if (key.length !== 65 || key[0] !== 4 || options?.userVisibleOnly !== true) throw new TypeError('no key of a server')
      return { toJSON: () => ({ endpoint, keys }) } as unknown as PushSubscription
    }
  }, device.subscription)
  const session = await phone.context().newCDPSession(phone)
  session.on('ServiceWorker.workerRegistrationUpdated', ({ registrations }) => { registrationId = registrations.at(-1)?.registrationId ?? registrationId })
  session.on('ServiceWorker.workerErrorReported', ({ errorMessage }) => errors.push(errorMessage.errorMessage))
  await session.send('ServiceWorker.enable')

  const open = (one: Arrived) => (one.path === PATH ? NotifyMessage.parse(JSON.parse(decryptPush(one.body, device))) : null)
  const worker = (): Worker => {
    const found = phone.context().serviceWorkers()[0]
    if (!found) throw new Error('no worker')
    return found
  }
  /** How many the worker has put up, since it was asked for the first time. */
  const shows = () => worker().evaluate(() => {
    const scope = self as unknown as { shows?: number; registration: { showNotification(title: string, options: object): Promise<void> } }
    if (scope.shows === undefined) {
      scope.shows = 0
      const { registration } = scope
      const show = registration.showNotification.bind(registration)
      registration.showNotification = async (...words) => {
        await show(...words)
        scope.shows = (scope.shows ?? 0) + 1
      }
    }
    return scope.shows
  })
  const shown = () => phone.evaluate(async () => (await (await navigator.serviceWorker.ready).getNotifications()).map((one): Shown => ({ title: one.title, body: one.body, tag: one.tag, stays: one.requireInteraction, actions: (one as unknown as { actions: { action: string }[] }).actions.map(({ action }) => action) })))
  return {
    receiver, errors,
    arrived: () => receiver.arrived.map(open).filter((message) => message !== null),
    told: (holds) => receiver.next((one) => { const message = open(one); return message !== null && holds(message) ? message : null }),
    async deliver(message) {
      const before = message.withdraw ? 0 : await shows()
      await session.send('ServiceWorker.deliverPushMessage', { origin: `${origin}/`, registrationId, data: JSON.stringify(message) })
      // Chromium forgets a notification whose list is asked for while it is being put up.
      if (!message.withdraw) await eventually(async () => (await shows()) > before, 'the worker showed it', SHOWN_MS)
    },
    showing: (tag) => eventually(async () => (await shown()).find((one) => one.tag === tag), `the notification ${tag}`, SHOWN_MS),
    // The browser forgets one a moment after it was closed.
    gone: (tag) => eventually(async () => !(await shown()).some((one) => one.tag === tag), `the notification ${tag} is gone`, SHOWN_MS),
    // Only the browser may say how long a worker lives for it, so the test waits itself.
    press: (tag, action) => worker().evaluate(async ([tag, action]) => {
      interface Scope { registration: { getNotifications(filter: { tag: string }): Promise<unknown[]> }; NotificationEvent: new (name: string, init: object) => Event }
      const scope = self as unknown as Scope & EventTarget
      const [notification] = await scope.registration.getNotifications({ tag: tag ?? '' })
      const event = new scope.NotificationEvent('notificationclick', { notification, action })
      const works: Promise<unknown>[] = []
      Object.defineProperty(event, 'waitUntil', { value: (work: Promise<unknown>) => works.push(work) })
      scope.dispatchEvent(event)
      await Promise.all(works)
    }, [tag, action]),
    async switchOn() {
      await phone.goto(`${origin}/settings`)
      await phone.getByRole('switch', { name: /^Notify this device/ }).click()
      await phone.getByText('It is told even when Berth is closed').waitFor()
      await phone.getByRole('region', { name: 'Devices that are told' }).getByText('Chrome on', { exact: false }).waitFor()
    },
    close: () => receiver.stop(),
  }
}
