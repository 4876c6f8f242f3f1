/** Rooms that come when somebody enters them, so that the first load carries none of them. */
import type { ComponentType } from 'preact'
import { useEffect } from 'preact/hooks'
import { signal, useSignal, type Signal } from '@preact/signals'

type Loader<P> = () => Promise<ComponentType<P>>
/** By its loader; null: not here. Whoever draws one hears when it comes, whoever brought it. */
const rooms = new Map<unknown, Signal<unknown>>()

function roomOf<P>(load: Loader<P>): Signal<ComponentType<P> | null> {
  const room = rooms.get(load) ?? signal(null)
  rooms.set(load, room)
  // What was put under this loader is what it gave.
  return room as Signal<ComponentType<P> | null>
}

/** Here before it is drawn: the drawing waits for nothing. */
export async function bring<P>(load: Loader<P>): Promise<void> {
  if (roomOf(load).peek() === null) put(load, await load())
}

export function put<P>(load: Loader<P>, component: ComponentType<P>): void {
  roomOf(load).value = component
}

export function Lazy<P extends object>({ load, props, name }: { load: Loader<P>; props: P; name: string }) {
  const asked = useSignal<{ readonly load: Loader<P>; readonly isRefused: boolean } | null>(null)
  const get = () => {
    const mine = (asked.value = { load, isRefused: false })
    bring(load).catch(() => { if (asked.peek() === mine) asked.value = { load, isRefused: true } })
  }
  useEffect(get, [load])
  const Room = roomOf(load).value
  if (Room) return <Room {...props} />
  // The same place had another room before.
  if (asked.value?.load !== load || !asked.value.isRefused) return <Skeleton name={name} />
  return (
    <div class="empty" role="alert">
      <p>{name} could not be loaded. The connection is gone, or the server was replaced by another version.</p>
      <button type="button" class="btn" onClick={get}>Try again</button>
      <button type="button" class="btn quiet" onClick={() => location.reload()}>Load the page anew</button>
    </div>
  )
}

export function Skeleton({ name }: { name: string }) {
  return (
    <div class="skeleton" role="status" aria-label={`${name} is being loaded`}>
      <i /><i /><i /><i />
    </div>
  )
}
