/** What a person should notice before saying yes: a hint, not a boundary (the boundary is the sandbox and the gateways). */

export interface Risk { readonly level: 'low' | 'notice' | 'high'; readonly text: string | null }

/**
 * Each after the one before it, on one line. One pattern with `.*` between its parts would say the same, and take
 * minutes over a command that a hostile agent wrote for it.
 */
type Rule = readonly [parts: readonly RegExp[], text: string]
const HIGH: readonly Rule[] = [
  [[/\brm\s+(?:-[a-zA-Z]*\s+)*-[a-zA-Z]*[rf]/], 'deletes files'],
  [[/\bfind\b/, /\s-delete\b/], 'deletes files'],
  [[/\bshred\b/], 'deletes files'],
  [[/\bgit(?=\s)/, /\spush\b/, /\s--force\b|\s-f\b|\s--delete\b|\s\+/], 'rewrites a remote branch'],
  [[/\bgit(?=\s)/, /\s(?:reset\s+--hard|clean\s+-[a-z]*f|checkout\s+--\s|restore\s)/], 'throws uncommitted work away'],
  [[/\b(?:curl|wget)\b/, /\|\s*(?:sudo\s+)?(?:ba|z|da)?sh\b/], 'runs a script from the network'],
  [[/\bsudo\b|\bsu\s+-/], 'asks for root'],
  [[/\b(?:drop|truncate)\s+(?:table|database|schema)\b/i], 'deletes data from a database'],
  [[/\bmkfs\b/], 'writes to a disk device'],
  [[/\bdd\s/, /\bof=\/dev\//], 'writes to a disk device'],
]
const NOTICE: readonly Rule[] = [
  [[/\bgit(?=\s)/, /\spush\b/], 'sends commits away'],
  [[/\b(?:npm|pnpm|yarn|bun)\s+publish\b|\bcargo\s+publish\b|\btwine\s+upload\b/], 'publishes a package'],
  [[/\b(?:npm|pnpm|yarn|bun|pip3?|uv|cargo|apt|apt-get|gem|go)\s+(?:add|install|i|get)\b/], 'installs packages'],
  [[/\b(?:curl|wget|ssh|scp|rsync|nc)\b/], 'talks to the network'],
  [[/\bchmod\b|\bchown\b/], 'changes who may use files'],
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
  const lines = command.split('\n')
  const found = (rules: readonly Rule[]) => [...new Set(rules.filter(([parts]) => lines.some((line) => follow(line, parts))).map(([, text]) => text))]
  const high = found(HIGH)
  if (high.length > 0) return { level: 'high', text: high.join(', ') }
  const notice = found(NOTICE)
  return notice.length > 0 ? { level: 'notice', text: notice.join(', ') } : { level: 'low', text: null }
}

function follow(line: string, parts: readonly RegExp[]): boolean {
  let rest = line
  for (const part of parts) {
    const found = part.exec(rest)
    if (found === null) return false
    rest = rest.slice(found.index + found[0].length)
  }
  return true
}
