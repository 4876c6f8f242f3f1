/** Its own environment could not be made: why, and the two ways out of it. */
import { useSignal } from '@preact/signals'
import type { Workspace } from '@berth/wire'
import { may } from '../state/may.ts'
import { attempt, client, offlineSince, putWorkspace } from '../state/session.ts'
import { speak } from '../state/outbox.ts'
import { sessionMeant } from '../state/sessions.ts'
import { Icon } from '../ui/icon.tsx'
import { isOnItsWay } from '../ui/state.tsx'
import { inert } from '../ui/inert.ts'

const MEND = 'The development container of this repository does not build, so this is a recovery machine. Read ~/devcontainer-build.log, mend the configuration, and tell me when it can be built again.'

export function RecoveryCard({ workspace }: { workspace: Workspace }) {
  const asked = useSignal(false)
  const { id, recovery, agent, wantsLogin } = workspace
  // While it is built again there is nothing to press.
  if (!recovery || isOnItsWay(workspace)) return null
  const off = !may(workspace) || offlineSince.value !== null
  const rebuild = async () => {
    const next = await attempt(() => client.rebuildWorkspace({ id }))
    if (next) putWorkspace(next)
  }
  const ask = async () => { asked.value = await speak(id, MEND, sessionMeant(workspace)) }
  return (
    <section class="failure" aria-label="Recovery">
      <h3><Icon name="i-x" />Its own environment could not be built</h3>
      <pre class="out" tabIndex={0}>{inert(recovery.why)}</pre>
      <p>This is a plain machine with your code in it; the whole log is in <code>~/devcontainer-build.log</code>. Mend the configuration here, then build it again: what is on the disk stays.</p>
      <div class="row">
        <button type="button" class="btn main" disabled={off} onClick={() => void rebuild()}>Build it again</button>
        {agent !== 'plain' && !wantsLogin && <button type="button" class="btn" disabled={off || asked.value} onClick={() => void ask()}>Ask the agent to mend it</button>}
      </div>
    </section>
  )
}
