/** What a person should notice before saying yes: a hint, not a boundary (the boundary is the sandbox and the gateways). */

export interface Risk { readonly level: 'low' | 'notice' | 'high'; readonly text: string | null }

const HIGH: readonly [RegExp, string][] = [
  [/\brm\s+(?:-[a-zA-Z]*\s+)*-[a-zA-Z]*[rf]|\bfind\b.*\s-delete\b|\bshred\b/, 'deletes files'],
  [/\bgit\s+(?:.*\s)?push\b.*(?:\s--force\b|\s-f\b|\s--delete\b|\s\+)/, 'rewrites a remote branch'],
  [/\bgit\s+(?:.*\s)?(?:reset\s+--hard|clean\s+-[a-z]*f|checkout\s+--\s|restore\s)/, 'throws uncommitted work away'],
  [/\b(?:curl|wget)\b.*\|\s*(?:sudo\s+)?(?:ba|z|da)?sh\b/, 'runs a script from the network'],
  [/\bsudo\b|\bsu\s+-/, 'asks for root'],
  [/\b(?:drop|truncate)\s+(?:table|database|schema)\b/i, 'deletes data from a database'],
  [/\bmkfs\b|\bdd\s+.*\bof=\/dev\//, 'writes to a disk device'],
]
const NOTICE: readonly [RegExp, string][] = [
  [/\bgit\s+(?:.*\s)?push\b/, 'sends commits away'],
  [/\b(?:npm|pnpm|yarn|bun)\s+publish\b|\bcargo\s+publish\b|\btwine\s+upload\b/, 'publishes a package'],
  [/\b(?:npm|pnpm|yarn|bun|pip3?|uv|cargo|apt|apt-get|gem|go)\s+(?:add|install|i|get)\b/, 'installs packages'],
  [/\b(?:curl|wget|ssh|scp|rsync|nc)\b/, 'talks to the network'],
  [/\bchmod\b|\bchown\b/, 'changes who may use files'],
]

export function riskOf(tool: string, input: Readonly<Record<string, unknown>>, cwd: string | null): Risk {
  if (tool === 'Bash') return riskOfCommand(typeof input['command'] === 'string' ? input['command'] : '')
  const path = input['file_path'] ?? input['notebook_path'] ?? input['path']
  if (typeof path !== 'string') return tool === 'WebFetch' || tool === 'WebSearch' ? { level: 'notice', text: 'talks to the network' } : { level: 'low', text: null }
  if (tool === 'Read') return { level: 'low', text: null }
  if (/(?:^|\/)\.git\/|(?:^|\/)\.(?:bashrc|profile|zshrc|npmrc)$|(?:^|\/)\.github\/workflows\//.test(path)) return { level: 'high', text: 'changes what runs later by itself' }
  if (cwd !== null && path.startsWith('/') && !`${path}/`.startsWith(`${cwd.replace(/\/+$/, '')}/`)) return { level: 'notice', text: 'outside the working directory' }
  return path.split('/').includes('..') ? { level: 'notice', text: 'leaves the working directory' } : { level: 'low', text: null }
}

function riskOfCommand(command: string): Risk {
  const found = (rules: readonly [RegExp, string][]) => rules.filter(([pattern]) => pattern.test(command)).map(([, text]) => text)
  const high = found(HIGH)
  if (high.length > 0) return { level: 'high', text: high.join(', ') }
  const notice = found(NOTICE)
  return notice.length > 0 ? { level: 'notice', text: notice.join(', ') } : { level: 'low', text: null }
}
