/** The words for what agents do: verb and icon of a call, the question of an approval. */
import type { ApprovalAsk } from '@berth/wire'

const TOOLS: Record<string, { verb: string; icon: string }> = {
  Bash: { verb: 'Run', icon: 'i-run' },
  Read: { verb: 'Read', icon: 'i-read' },
  Grep: { verb: 'Search', icon: 'i-search' },
  Glob: { verb: 'Find', icon: 'i-search' },
  Edit: { verb: 'Edit', icon: 'i-edit' },
  MultiEdit: { verb: 'Edit', icon: 'i-edit' },
  Write: { verb: 'Write', icon: 'i-edit' },
  WebFetch: { verb: 'Fetch', icon: 'i-globe' },
  WebSearch: { verb: 'Search', icon: 'i-globe' },
}

export function toolWords(name: string): { verb: string; icon: string } {
  return Object.hasOwn(TOOLS, name) ? (TOOLS[name] ?? { verb: name, icon: 'i-run' }) : { verb: name, icon: 'i-run' }
}

/** Titles come as `Tool: object`; the verb stands apart. */
export function objectOf(name: string, title: string): string {
  return title.startsWith(`${name}: `) ? title.slice(name.length + 2) : title === name ? '' : title
}

/** A question that a person can answer. */
export function questionOf(ask: Pick<ApprovalAsk, 'tool' | 'kind' | 'title' | 'input' | 'cwd'>): string {
  if (ask.kind === 'plan') return 'Go ahead with this plan?'
  if (ask.kind === 'question') return ask.title
  if (typeof ask.input['command'] === 'string') return 'Run this command?'
  const path = pathOf(ask)
  return path === null ? `${ask.title}?` : `${toolWords(ask.tool).verb} ${path}?`
}

export function pathOf({ input, cwd }: Pick<ApprovalAsk, 'input' | 'cwd'>): string | null {
  const path = input['file_path'] ?? input['notebook_path'] ?? input['path']
  if (typeof path !== 'string' || path === '') return null
  return cwd !== null && path.startsWith(`${cwd}/`) ? path.slice(cwd.length + 1) : path
}
