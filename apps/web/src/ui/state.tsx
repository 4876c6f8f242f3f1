/** What state a workspace is in, as people are shown it. */
import type { Workspace } from '@berth/wire'
import { Icon } from './icon.tsx'

export type StateName = 'needs' | 'starting' | 'working' | 'ready' | 'idle' | 'sleeping' | 'failed' | 'offline'
export interface Look { readonly name: StateName; readonly icon: string; readonly word: string; readonly tone: string }
type Known = Pick<Workspace, 'phase' | 'reason' | 'needsYou' | 'agentState' | 'wantsLogin' | 'changes'>
const look = (name: StateName, word: string): Look => ({ name, icon: `st-${name}`, word, tone: `s-${name}` })

/** A state is a shape, a word and a colour; the words are the ones of the visual language. */
export function stateOf(workspace: Known): Look {
  if (workspace.needsYou > 0) return look('needs', 'Needs you')
  if (workspace.reason === 'rebuild') return look('starting', 'Rebuilding')
  switch (workspace.phase) {
    case 'queued': case 'provisioning': case 'starting': return look('starting', 'Starting')
    case 'running': case 'recovery': return running(workspace)
    case 'unreachable': return look('offline', 'Offline')
    case 'failed': return look('failed', 'Failed')
    case 'stopping': return look('sleeping', 'Stopping')
    case 'deleting': return look('sleeping', 'Deleting')
    case 'sleeping': case 'stopped': return look('sleeping', 'Asleep')
    case 'deleted': return look('offline', 'Deleted')
  }
}

function running({ agentState, wantsLogin, changes = null }: Known): Look {
  switch (agentState) {
    case 'busy': return look('working', 'Working')
    case 'waiting': return look('needs', 'Needs you')
    case 'starting': return look('starting', 'Starting')
    case 'error': return wantsLogin ? look('needs', 'Not signed in') : look('failed', 'Agent failed')
    case 'none': case 'idle': case 'exited':
      if (changes !== null && changes.files > 0) return look('ready', 'Ready to review')
      return look('idle', agentState === 'exited' ? 'Exited' : 'Idle')
  }
}

/** Its machine comes or goes. */
export const isOnItsWay = ({ phase }: Pick<Workspace, 'phase'>): boolean => phase === 'queued' || phase === 'provisioning' || phase === 'starting' || phase === 'stopping'

export function StateBadge({ of, more }: { of: Known; more?: string }) {
  const { icon, word, tone } = stateOf(of)
  return (
    <span class={`state ${tone}`}>
      <Icon name={icon} />
      {word}{more}
    </span>
  )
}
