/** Creating writes one row and returns; everything slow is the reconciler's. What can be refused is refused before. */
import type { Identity, WorkspaceRecord } from '@berth/core'
import { BerthError, randomIds } from '@berth/wire'
import type { CodeSource, Workspace } from '@berth/wire'
import { EGRESS_DEFAULT } from '@berth/wire/egress'
import type { CreateWorkspace } from '@berth/wire/api'
import { checkFixedSize, checkWaitingSize } from './assignment-size.ts'
import type { ServiceDeps } from './deps.ts'
import { NAME_LIMIT, withFreeName } from './free-name.ts'
import { changedPolicy, checkRepositories } from './git-access.ts'
import { localRepository, takeIn } from './local-repository.ts'
import { takePrepared } from './take-prepared.ts'
import { viewOf } from './view.ts'
import { requireVariables } from './workspace-mcp.ts'

export async function createWorkspace(deps: ServiceDeps, input: CreateWorkspace, identity: Identity): Promise<Workspace> {
  checkSource(input.source)
  checkFixedSize(input)
  await requireVariables(deps, { servers: input.mcp.servers, env: input.env, workspace: { orgId: identity.orgId, source: input.source }, hint: (name) => `give its value along, such as \`--secret ${name}=file\`` })
  if (input.prompt !== undefined) checkWaitingSize([], input.prompt)
  const provider = input.provider ?? (await deps.providers.defaultName())
  await checkProvider(deps, provider, input)
  const local = await localRepository(deps, input.source, identity.orgId)
  const source: CodeSource = local === null ? input.source : { kind: 'hosted', label: local.path }
  checkRepositories(input.git)
  const record = await deps.costLimits.admit(
    { orgId: identity.orgId, userId: identity.userId, id: null, provider, resources: input.resources, atMostMicrosPerHour: input.maxCostMicrosPerHour },
    () => insert(deps, { input: { ...input, source }, provider, identity }),
  )
  // Before its machine is asked for.
  if (input.git !== undefined) await deps.store.gitPolicies.put(record.workspace.id, changedPolicy(await deps.store.gitPolicies.get(record.workspace.id), input.git), deps.clock.now())
  if (local !== null && !record.workspace.sourceReady) takeIn(deps, record.workspace.id, local)
  deps.poke(record.workspace.id)
  // Its daemon is here already.
  if (record.workspace.pool !== undefined) await deps.daemons.reassign(record.workspace.id)
  return viewOf(deps, record)
}

const EXTRAS = { docker: 'a Docker engine of its own', sudo: 'a root of its own' } as const

export async function checkProvider(deps: ServiceDeps, name: string, { acceptNoIsolation, resources, egress }: Pick<CreateWorkspace, 'acceptNoIsolation' | 'resources' | 'egress'>): Promise<void> {
  const check = await deps.providers.check(name)
  if (!check.ok) throw new BerthError('provider_unavailable', `${name}: ${check.detail}`, { hint: check.hint ?? 'see `berth provider list`' })
  for (const extra of ['docker', 'sudo'] as const) {
    if (resources[extra] !== true || check.can?.includes(extra)) continue
    throw new BerthError('provider_unsupported', `a machine of ${name} cannot have ${EXTRAS[extra]}`, { hint: `leave --${extra} out, or use --provider docker` })
  }
  if (egress !== undefined && egress.mode !== 'open' && (check.isolation === 'none' || deps.providers.get(name).setEgress === undefined)) {
    throw new BerthError('provider_unsupported', `${name} has no walls that could keep a workspace from the network`, { hint: 'use --egress open, or another provider' })
  }
  if (check.isolation === 'none' && !acceptNoIsolation) {
    throw new BerthError('provider_unsupported', `${name} cannot separate the agent from this machine: it would run with your rights and Berth's`, {
      hint: check.hint ?? 'accept it with `--accept-no-isolation`, or use another provider',
      details: { isolation: 'none', needs: 'acceptNoIsolation' },
    })
  }
}

function insert(deps: ServiceDeps, create: { input: CreateWorkspace; provider: string; identity: Identity }): Promise<WorkspaceRecord> {
  const { name: given, source, egress } = create.input
  return withFreeName({ given, wanted: nameFrom(source) }, async (name) => {
    const row = rowOf(deps, { ...create, name })
    // Before there is anything that could be made without it.
    if (egress !== undefined) await deps.store.egress.change(row.id, () => ({ mode: egress.mode, allow: [...egress.mode === 'allowlist' && egress.allow.length === 0 ? EGRESS_DEFAULT : egress.allow], deny: [] }), deps.clock.now())
    return await takePrepared(deps, create.input, row) ?? await deps.store.createWorkspace(row, deps.clock.now())
  })
}

function rowOf(deps: ServiceDeps, create: { input: CreateWorkspace; provider: string; identity: Identity; name: string }): Parameters<ServiceDeps['store']['createWorkspace']>[0] {
  const { input, provider, identity, name } = create
  const { source } = input
  return {
    id: randomIds.workspace(),
    orgId: identity.orgId,
    creatorId: identity.userId,
    name,
    repository: source.kind === 'git' ? source.url : source.kind === 'empty' ? '' : source.label,
    branch: source.kind === 'git' ? (source.branch ?? null) : null,
    source,
    sourceReady: source.kind === 'git' || source.kind === 'empty',
    provider,
    image: input.image ?? null,
    project: { revision: 1, outline: input.outline ?? null, from: 'source' },
    resources: input.resources,
    agent: input.agent,
    command: input.command ?? null,
    services: input.services,
    approvalMode: input.approvalMode,
    acceptNoIsolation: input.acceptNoIsolation,
    web: input.web,
    ephemeral: input.ephemeral,
    sessionId: randomIds.session(),
    steps: [],
    exposures: input.exposures,
    autoStopMs: input.autoStopMs ?? deps.autoStopMs,
    secrets: { env: input.env, ...(input.secretEnv === undefined ? {} : { secretEnv: input.secretEnv }), homeFiles: input.homeFiles, ...(input.mcp.own && input.mcp.servers.length === 0 ? {} : { mcp: input.mcp }) },
    prompt: input.prompt === undefined ? null : { promptId: randomIds.prompt(), text: input.prompt },
    idempotencyKey: input.idempotencyKey ?? null,
  }
}

const URL_FORM = /^(?:https?|ssh|git|file):\/\//i
/** `user@host:path`, as git understands it. */
const SCP_FORM = /^[A-Za-z0-9._-]+@[A-Za-z0-9.-]+:(?!\/\/)[^\s]+$/

/** Git treats `ext::…` as a command and a leading dash as an option. */
export function checkSource(source: CodeSource): void {
  if (source.kind !== 'git') return
  if (!URL_FORM.test(source.url) && !SCP_FORM.test(source.url)) {
    throw new BerthError('bad_request', 'source.url: not a git url that can be cloned', { hint: 'use https://…, ssh://…, git@host:path or file:///…' })
  }
  if (source.branch?.startsWith('-')) throw new BerthError('bad_request', 'source.branch: not a branch name', { hint: 'correct `source.branch`' })
  if (URL_FORM.test(source.url) && URL.canParse(source.url) && new URL(source.url).password !== '') {
    throw new BerthError('bad_request', 'source.url: holds a password, which would be shown to everybody who sees the workspace', { hint: 'clone without it, or clone here and run `berth up .`' })
  }
}

/** The last part of what the code comes from, in the letters of a name. */
function nameFrom(source: CodeSource): string {
  const from = source.kind === 'git' ? source.url : source.kind === 'empty' ? '' : source.label
  const last = from.replace(/[\\/]+$/, '').replace(/\.git$/, '').split(/[\\/:]/).at(-1) ?? ''
  const name = last.toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-+|-+$/g, '').slice(0, NAME_LIMIT).replace(/-+$/, '')
  return name || 'workspace'
}
