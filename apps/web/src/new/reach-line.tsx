/** Below the address: whether the server can read it, and the way to let it. */
import { useEffect } from 'preact/hooks'
import { useSignal } from '@preact/signals'
import { client } from '../state/session.ts'
import { refusalOf } from '../rooms/loaded.ts'
import { say } from '../shell/toast.tsx'
import { inert } from '../ui/inert.ts'

type Reach = Awaited<ReturnType<typeof client.checkRepository>>
const SETTLED_MS = 500
const WHOLE = /^(?:https?|ssh):\/\/[^\s/]+\/\S+\/\S+|^[^\s/@]+@[^\s/:]+:\S+\/\S+/

export function ReachLine({ url, disabled }: { url: string; disabled: boolean }) {
  const reach = useSignal<Reach | null>(null)
  const address = disabled || !WHOLE.test(url.trim()) ? '' : url.trim()
  useEffect(() => {
    reach.value = null
    if (address === '') return
    const stop = new AbortController()
    // It is only a help: where it cannot be said, the machine says it.
    const look = () => void client.checkRepository({ url: address }, stop.signal).then((next) => (reach.value = next), () => {})
    const timer = setTimeout(look, SETTLED_MS)
    // Whoever connected it in another tab comes back.
    window.addEventListener('focus', look)
    return () => {
      stop.abort()
      clearTimeout(timer)
      window.removeEventListener('focus', look)
    }
  }, [address])
  const now = reach.value
  if (now === null || now.state === 'open' || now.state === 'unknown') return null
  if (now.state === 'connected') return <p class="reach" role="status">The server opens it; no credential enters the machine.</p>
  const connect = async () => {
    try {
      const { url: to } = await client.beginGitHubSetup({ origin: now.connectOrigin ?? '' })
      window.open(to, '_blank', 'noreferrer')
    } catch (error) {
      say(refusalOf(error).message)
    }
  }
  return (
    <div class="reach closed" role="status">
      <p>{inert(now.message ?? 'The server cannot read it.')}{now.installUrl === null && now.connectOrigin === null && now.hint !== null && <small>{inert(now.hint.replaceAll('`', ''))}</small>}</p>
      {now.installUrl !== null && /^https?:/.test(now.installUrl) && <a class="btn" href={now.installUrl} target="_blank" rel="noreferrer">Choose it at GitHub</a>}
      {now.installUrl === null && now.connectOrigin !== null && <button type="button" class="btn" onClick={() => void connect()}>Connect GitHub</button>}
    </div>
  )
}
