import type { AgentState, Workspace } from '@berth/wire'

export function Icon({ name, class: extra }: { name: string; class?: string }) {
  return (
    <svg class={`i ${extra ?? ''}`} aria-hidden="true">
      <use href={`#${name}`} />
    </svg>
  )
}

export type StateName = 'needs' | 'starting' | 'working' | 'ready' | 'idle' | 'sleeping' | 'failed' | 'offline'
export interface Look { readonly name: StateName; readonly icon: string; readonly word: string; readonly tone: string }
type Known = Pick<Workspace, 'phase' | 'needsYou' | 'agentState' | 'changes'>
const look = (name: StateName, word: string): Look => ({ name, icon: `st-${name}`, word, tone: `s-${name}` })

/** A state is a shape, a word and a colour; the words are the ones of the visual language. */
export function stateOf(workspace: Known): Look {
  if (workspace.needsYou > 0) return look('needs', 'Needs you')
  switch (workspace.phase) {
    case 'queued': case 'provisioning': case 'starting': return look('starting', 'Starting')
    case 'running': case 'recovery': return running(workspace.agentState, workspace.changes ?? null)
    case 'unreachable': return look('offline', 'Offline')
    case 'failed': return look('failed', 'Failed')
    case 'stopping': return look('sleeping', 'Stopping')
    case 'deleting': return look('sleeping', 'Deleting')
    case 'sleeping': case 'stopped': return look('sleeping', 'Asleep')
    case 'deleted': return look('offline', 'Deleted')
  }
}

function running(agent: AgentState, changes: NonNullable<Workspace['changes']> | null): Look {
  switch (agent) {
    case 'busy': return look('working', 'Working')
    case 'waiting': return look('needs', 'Needs you')
    case 'starting': return look('starting', 'Starting')
    case 'error': return look('failed', 'Failed')
    case 'none': case 'idle': case 'exited':
      if (changes !== null && changes.files > 0) return look('ready', 'Ready to review')
      return look('idle', agent === 'exited' ? 'Exited' : 'Idle')
  }
}

export function StateBadge({ of, more }: { of: Known; more?: string }) {
  const { icon, word, tone } = stateOf(of)
  return (
    <span class={`state ${tone}`}>
      <Icon name={icon} />
      {word}{more}
    </span>
  )
}

/** Always with its sign, and read as words. */
export function Delta({ added, removed }: { added: number; removed: number }) {
  return <span class="delta" role="img" aria-label={`${added} added, ${removed} removed`}><span class="plus">+{added}</span><span class="minus">−{removed}</span></span>
}

export function duration(ms: number | null): string {
  if (ms === null) return ''
  if (ms < 950) return `${Math.max(1, Math.round(ms / 10) * 10)} ms`
  if (ms < 59_500) return `${(ms / 1000).toFixed(1)} s`
  const minutes = Math.round(ms / 60_000)
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}

/** What runs now: 0:41, 4:12, 1:02:03. */
export function elapsed(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60]
  const two = (value: number) => String(value).padStart(2, '0')
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`
}

export function ago(at: number, now: number): string {
  return now - at < 60_000 ? 'now' : `${duration(now - at)} ago`
}

export function timeOf(at: number): string {
  return new Date(at).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', hour12: false })
}

/** Millionths of a dollar. */
export function money(micros: number): string {
  return `$${(micros / 1e6).toFixed(micros > 0 && micros < 10_000 ? 3 : 2)}`
}

export function count(tokens: number): string {
  return tokens < 1000 ? String(tokens) : tokens < 999_500 ? `${(tokens / 1000).toFixed(tokens < 9950 ? 1 : 0)} k` : `${(tokens / 1e6).toFixed(1)} M`
}

/** Where the code is from, as people say it: owner and name, whatever the address or the path before them. */
export function placeOf(repository: string): string {
  const parts = repository.replace(/\/+$/, '').replace(/\.git$/, '').split(/[/:\\]+/).filter((part) => part !== '')
  return parts.slice(-2).join('/')
}

export function plural(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`
}
