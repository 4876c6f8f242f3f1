/** What a person fills in, and what the server is asked for. Pure. */
import { AGENT_KINDS } from '@berth/wire/agents'
import type { CreateWorkspace } from '@berth/wire/api'
import type { EgressMode } from '@berth/wire/egress'
import { EGRESS_DEFAULT, EGRESS_RULE } from '@berth/wire/egress-rules'
import { addressFault, mcpServerFrom } from '@berth/wire/mcp-words'

export interface Form {
  readonly repository: string; readonly empty: boolean; readonly branch: string
  readonly agent: keyof typeof AGENT_KINDS; readonly prompt: string; readonly command: string
  readonly provider: string; readonly acceptNoIsolation: boolean
  readonly size: SizeName; readonly sleep: SleepName
  readonly name: string; readonly image: string; readonly docker: boolean; readonly sudo: boolean; readonly web: boolean; readonly approvals: 'ask' | 'auto' | 'skip'
  readonly egress: EgressMode; /** Beside what a list begins with, by lines, commas or spaces. */ readonly hosts: string
  /** MCP servers, a line each. */
  readonly mcp: string; readonly ownTools: boolean
  /** Every workspace of the repository gets them. */
  readonly mcpForProject: boolean
}
type Field = keyof Form | 'all'
export type Wrong = Partial<Record<Field, string>>

const GIB = 1024 ** 3
export const SIZES = {
  given: { label: 'As the provider has it', note: 'no limit of your own', resources: {} },
  small: { label: '2 cores, 4 GB', note: 'small repositories', resources: { cpus: 2, memoryBytes: 4 * GIB } },
  middle: { label: '4 cores, 8 GB', note: 'most', resources: { cpus: 4, memoryBytes: 8 * GIB } },
  large: { label: '8 cores, 16 GB', note: 'large builds', resources: { cpus: 8, memoryBytes: 16 * GIB } },
} as const
export type SizeName = keyof typeof SIZES
const MINUTE_MS = 60_000
export const SLEEPS = {
  soon: { label: 'Sleep after 15 min', note: 'a message wakes it', autoStopMs: 15 * MINUTE_MS },
  usual: { label: 'Sleep after 30 min', note: 'a message wakes it', autoStopMs: 30 * MINUTE_MS },
  never: { label: 'Stay awake', note: 'until you stop it', autoStopMs: 0 },
} as const
export type SleepName = keyof typeof SLEEPS

export const EMPTY_FORM: Form = { repository: '', empty: false, branch: '', agent: 'claude', prompt: '', command: '', provider: '', acceptNoIsolation: false, size: 'given', sleep: 'usual', name: '', image: '', docker: false, sudo: false, web: true, approvals: 'ask', egress: 'open', hosts: '', mcp: '', ownTools: true, mcpForProject: false }

type Request = Pick<CreateWorkspace, 'source'> & Partial<CreateWorkspace>

/** `isolation` of the chosen provider: where there is none, a person has to say yes to it. */
export function readForm(form: Form, { isolation, idempotencyKey }: { isolation: string | null; idempotencyKey: string }): { request: Request } | { wrong: Wrong } {
  const wrong: Wrong = {}
  const repository = form.repository.trim()
  if (!form.empty && repository === '') wrong.repository = 'which repository? Paste its address, or begin with an empty tree'
  else if (!form.empty && !isAddress(repository)) wrong.repository = 'write the whole address, like https://github.com/owner/name'
  if (AGENT_KINDS[form.agent].needsCommand && form.command.trim() === '') wrong.command = 'what should run?'
  if (form.name.trim() !== '' && !/^[a-z0-9][a-z0-9-]{0,38}$/.test(form.name.trim())) wrong.name = 'lower-case letters, digits and dashes, at most 39'
  if (isolation === 'none' && !form.acceptNoIsolation) wrong.acceptNoIsolation = 'say yes to this, or choose another place'
  const mcp = wrongMcp(form.mcp)
  if (mcp !== null) wrong.mcp = mcp
  const noHost = form.egress === 'allowlist' ? hostsOf(form.hosts).find((host) => !EGRESS_RULE.test(host)) : undefined
  if (noHost !== undefined) wrong.hosts = `write names such as api.example.com or *.example.com:8443, not “${noHost.slice(0, 60)}”`
  if (Object.keys(wrong).length > 0) return { wrong }
  return { request: requestOf(form, repository, idempotencyKey) }
}

function wrongMcp(text: string): string | null {
  for (const line of linesOf(text)) {
    const server = mcpServerFrom(line)
    if (server === null) return `write name=command or name=https://…, not “${line.slice(0, 60)}”`
    const fault = addressFault(server)
    if (fault !== null) return `${server.name.slice(0, 60)}: ${fault.message}`
  }
  return null
}

function requestOf(form: Form, repository: string, idempotencyKey: string): Request {
  const text = <K extends string>(name: K, value: string) => (value.trim() === '' ? {} : ({ [name]: value.trim() } as Record<K, string>))
  return {
    source: form.empty ? { kind: 'empty' } : { kind: 'git', url: repository.startsWith('/') ? `file://${repository}` : repository, ...text('branch', form.branch) },
    agent: form.agent, approvalMode: form.approvals, resources: { ...SIZES[form.size].resources, ...(form.docker ? { docker: true } : {}), ...(form.sudo ? { sudo: true } : {}) }, autoStopMs: SLEEPS[form.sleep].autoStopMs,
    ...text('provider', form.provider), ...text('image', form.image), ...text('name', form.name),
    ...(AGENT_KINDS[form.agent].needsCommand ? text('command', form.command) : {}), ...(form.agent === 'plain' ? {} : text('prompt', form.prompt)),
    ...(form.mcp.trim() === '' && form.ownTools ? {} : { mcp: { own: form.ownTools, servers: linesOf(form.mcp).flatMap((line) => mcpServerFrom(line) ?? []) } }),
    ...(form.egress === 'open' ? {} : { egress: { mode: form.egress, allow: form.egress === 'allowlist' ? [...EGRESS_DEFAULT, ...hostsOf(form.hosts)] : [] } }),
    ...(form.web ? {} : { web: false }), ...(form.acceptNoIsolation ? { acceptNoIsolation: true } : {}), idempotencyKey,
  }
}

const linesOf = (text: string): string[] => text.split('\n').map((line) => line.trim()).filter((line) => line !== '')

const hostsOf = (text: string): string[] => text.toLowerCase().split(/[\s,]+/).filter((host) => host !== '')

/** What git takes: an address with a scheme, `user@host:path`, or a path of the server's machine. */
function isAddress(text: string): boolean {
  return /^(?:file:\/\/|[a-z][a-z0-9+.-]*:\/\/[^\s/]+)\/\S/i.test(text) || /^[^\s/@]+@[^\s/:]+:\S+$/.test(text) || text.startsWith('/')
}

/** The field a refusal of the server is about. */
export function fieldOf(code: string): Field {
  const fields: Record<string, Field> = {
    clone_refused: 'repository', name_taken: 'name', ambiguous_name: 'name', image_unsupported: 'image',
    provider_unavailable: 'provider', provider_unknown: 'provider', provider_unsupported: 'provider', capacity: 'size', quota: 'size', over_budget: 'size',
  }
  return fields[code] ?? 'all'
}

/** 128 random bits, without `randomUUID`, which exists on encrypted addresses only. */
export function newKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('')
}
