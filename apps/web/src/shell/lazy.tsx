/** Rooms that come when somebody enters them, so that the first load carries none of them. */
import type { ComponentType } from 'preact'
import { useEffect } from 'preact/hooks'
import { useSignal } from '@preact/signals'

type Loader<P> = () => Promise<ComponentType<P>>
const loaded = new Map<unknown, unknown>()

/** Here before it is drawn: the drawing waits for nothing. */
export async function bring<P>(load: Loader<P>): Promise<void> {
  if (!loaded.has(load)) put(load, await load())
}

export function put<P>(load: Loader<P>, component: ComponentType<P>): void {
  loaded.set(load, component)
}

export function Lazy<P extends object>({ load, props, name }: { load: Loader<P>; props: P; name: string }) {
  const state = useSignal<'loading' | 'here' | 'refused'>(loaded.has(load) ? 'here' : 'loading')
  const get = () => {
    state.value = 'loading'
    load().then((component) => {
      loaded.set(load, component)
      state.value = 'here'
    }, () => (state.value = 'refused'))
  }
  useEffect(() => {
    if (!loaded.has(load)) get()
  }, [load])
  // What was put under this loader is what it gave.
  const Room = loaded.get(load) as ComponentType<P> | undefined
  if (Room) return <Room {...props} />
  if (state.value === 'loading') return <Skeleton name={name} />
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
