/**
 * Looks for tokens in lines that are about to leave. A finding names the place and the kind, never what was found: it
 * is shown on screens and kept in records. A hint for honest mistakes, no wall: who wants to hide one can. Pure.
 */
export interface SecretFinding { readonly path: string; readonly line: number; readonly kind: string }

const RULES: readonly (readonly [kind: string, form: RegExp])[] = [
  ['a private key', /-----BEGIN (?:[A-Z]+ )*PRIVATE KEY(?: BLOCK)?-----/],
  ['an access key of AWS', /\b(?:AKIA|ASIA)[A-Z2-7]{16}\b/],
  ['a token of GitHub', /\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{40,})/],
  ['a token of GitLab', /\bgl(?:pat|ptt|dt|rt|cbt)-[A-Za-z0-9_-]{20,}/],
  ['a key of Anthropic', /\bsk-ant-[A-Za-z0-9_-]{24,}/],
  ['a key of OpenAI', /\bsk-(?:proj-|svcacct-|admin-)?[A-Za-z0-9_-]{32,}/],
  ['a key of Google', /\bAIza[A-Za-z0-9_-]{35}/],
  ['a token of Slack', /\bxox[abeoprs]-[A-Za-z0-9-]{10,}/],
  ['a webhook of Slack', /hooks\.slack\.com\/services\/T[A-Z0-9]{6,}\/B[A-Z0-9]{6,}\/[A-Za-z0-9]{20,}/],
  ['a key of Stripe', /\b[rs]k_live_[A-Za-z0-9]{20,}/],
  ['a token of npm', /\bnpm_[A-Za-z0-9]{36}/],
  ['a token of PyPI', /\bpypi-AgE[A-Za-z0-9_-]{50,}/],
  ['a key of SendGrid', /\bSG\.[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{40,}/],
  ['a token of a bot', /\b\d{8,10}:AA[A-Za-z0-9_-]{32,}/],
  ['a password in an address', /\b[a-z][a-z0-9+.-]{1,20}:\/\/[^\s:/@'"]{1,100}:(?!\$|<|\*|x{3}|pass|secret|example|token)[^\s:/@'"]{8,200}@[a-z0-9]/i],
]
/** A name that says what the value is, and a value that looks drawn by chance. */
const NAMED = /(?:secret|token|passw(?:or)?d|api[_-]?key|access[_-]?key|private[_-]?key|credential)[a-z0-9_-]{0,30}["']?\s{0,4}(?::=|[:=]|=>)\s{0,4}["']?([A-Za-z0-9+/_=.~-]{20,200})/i
const CHANCE_BITS = 4
const LINE_LIMIT = 4000

export function secretInLine(line: string): string | null {
  // A longer line is data; its beginning and its end are where somebody would paste.
  const text = line.length <= LINE_LIMIT ? line : `${line.slice(0, LINE_LIMIT / 2)}\n${line.slice(-LINE_LIMIT / 2)}`
  for (const [kind, form] of RULES) if (form.test(text)) return kind
  const value = NAMED.exec(text)?.[1]
  return value !== undefined && /[0-9]/.test(value) && /[A-Za-z]/.test(value) && bitsOf(value) >= CHANCE_BITS ? 'something that looks like a secret' : null
}

/** Shannon's, for each character. */
function bitsOf(text: string): number {
  const counts = new Map<string, number>()
  for (const character of text) counts.set(character, (counts.get(character) ?? 0) + 1)
  return [...counts.values()].reduce((sum, count) => sum - (count / text.length) * Math.log2(count / text.length), 0)
}

/** Files that a host runs by itself when they arrive. */
const RUN_BY_HOSTS = /^(?:\.github\/(?:workflows|actions)\/|\.gitea\/workflows\/|\.forgejo\/workflows\/|\.circleci\/|\.buildkite\/|\.gitlab-ci\.ya?ml$|\.gitlab\/|bitbucket-pipelines\.ya?ml$|\.travis\.ya?ml$|azure-pipelines\.ya?ml$|Jenkinsfile$|\.drone\.ya?ml$|\.woodpecker(?:\/|\.ya?ml$)|appveyor\.ya?ml$)/i
export const isRunByHost = (path: string): boolean => RUN_BY_HOSTS.test(path)
