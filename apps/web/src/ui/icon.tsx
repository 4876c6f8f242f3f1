import type { AgentState, Workspace } from '@berth/wire'

export function Icon({ name, class: extra }: { name: string; class?: string }) {
  return (
    <svg class={`i ${extra ?? ''}`} aria-hidden="true">
      <use href={`#${name}`} />
    </svg>
  )
}

type Look = { icon: string; word: string; tone: string }

/** A state is a shape, a word and a colour; the words are the ones of the visual language. */
export function stateOf(workspace: Pick<Workspace, 'phase' | 'needsYou' | 'agentState'>): Look {
  if (workspace.needsYou > 0) return { icon: 'st-needs', word: 'Needs you', tone: 's-needs' }
  switch (workspace.phase) {
    case 'queued': case 'provisioning': case 'starting':
      return { icon: 'st-starting', word: 'Starting', tone: 's-starting' }
    case 'running': case 'recovery':
      return running(workspace.agentState)
    case 'unreachable':
      return { icon: 'st-offline', word: 'Offline', tone: 's-offline' }
    case 'failed':
      return { icon: 'st-failed', word: 'Failed', tone: 's-failed' }
    case 'stopping': case 'deleting':
      return { icon: 'st-sleeping', word: workspace.phase === 'stopping' ? 'Stopping' : 'Deleting', tone: 's-sleeping' }
    case 'sleeping': case 'stopped':
      return { icon: 'st-sleeping', word: 'Asleep', tone: 's-sleeping' }
    case 'deleted':
      return { icon: 'st-offline', word: 'Deleted', tone: 's-offline' }
  }
}

function running(agent: AgentState): Look {
  switch (agent) {
    case 'busy': return { icon: 'st-working', word: 'Working', tone: 's-working' }
    case 'waiting': return { icon: 'st-needs', word: 'Needs you', tone: 's-needs' }
    case 'starting': return { icon: 'st-starting', word: 'Starting', tone: 's-starting' }
    case 'error': return { icon: 'st-failed', word: 'Failed', tone: 's-failed' }
    case 'none': case 'idle': case 'exited': return { icon: 'st-idle', word: agent === 'exited' ? 'Exited' : 'Idle', tone: 's-idle' }
  }
}

export function StateBadge({ of }: { of: Pick<Workspace, 'phase' | 'needsYou' | 'agentState'> }) {
  const { icon, word, tone } = stateOf(of)
  return (
    <span class={`state ${tone}`}>
      <Icon name={icon} />
      {word}
    </span>
  )
}

export function duration(ms: number | null): string {
  if (ms === null) return ''
  if (ms < 950) return `${Math.max(1, Math.round(ms / 10) * 10)} ms`
  if (ms < 59_500) return `${(ms / 1000).toFixed(1)} s`
  const minutes = Math.round(ms / 60_000)
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}

export function ago(at: number, now: number): string {
  return now - at < 60_000 ? 'now' : `${duration(now - at)} ago`
}
