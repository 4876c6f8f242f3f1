/** Which routes leave a record, and which fields of their input say what was done. Never a field that may hold a secret. */
import type { AuditAction } from '@berth/wire/git-access'
import type { RouteName } from '@berth/wire/routes'
import type { BesideRoute } from './rights.ts'

export interface Audited { readonly action: AuditAction; readonly fields: readonly string[] }

const of = (action: AuditAction, ...fields: string[]): Audited => ({ action, fields })
/** What is not here changes nothing of consequence, or writes its own record where more is known. */
export const AUDITED_ROUTES: Readonly<Partial<Record<RouteName, Audited>>> = {
  createWorkspace: of('workspace.create', 'name', 'source.url', 'source.label'), startWorkspace: of('workspace.start'), stopWorkspace: of('workspace.stop'),
  rebuildWorkspace: of('workspace.rebuild'), deleteWorkspace: of('workspace.delete'), setWeb: of('workspace.web', 'on'),
  moveWorkspace: of('workspace.move', 'provider'), cancelMove: of('workspace.move'), saveWorkspace: of('backup.create', 'kind', 'name'), removeSaved: of('backup.remove', 'id'), restoreSaved: of('backup.restore', 'ref', 'name', 'provider'),
  decideApproval: of('approval.decide', 'id', 'decision.behavior', 'decision.scope'),
  setPreview: of('preview.set', 'port', 'access'), sharePreview: of('preview.share', 'port'),
  grantWorkspace: of('workspace.grant', 'userId', 'level'),
  setProjectSecret: of('secret.set', 'project', 'name'), removeProjectSecret: of('secret.remove', 'project', 'name'),
  setProjectMcp: of('mcp.set', 'project', 'server.name'), removeProjectMcp: of('mcp.remove', 'project', 'name'), setWorkspaceMcp: of('mcp.set', 'server.name'), removeWorkspaceMcp: of('mcp.remove', 'name'),
  putModelKey: of('model-key.set', 'vendor'), removeModelKey: of('model-key.remove', 'vendor'),
  addModelFallback: of('model-key.set', 'vendor', 'name'), removeModelFallback: of('model-key.remove', 'vendor', 'name'), setModelBudget: of('model-budget.change', 'scope', 'subject', 'softMicros', 'hardMicros'),
  createVm: of('workspace.create', 'name', 'repoUrl'), deleteVm: of('workspace.delete'), cleanupVm: of('workspace.stop'),
  setCostLimit: of('cost-limit.change', 'scope', 'subject', 'softMicros', 'hardMicros', 'hourlyMicros', 'running'), setDefaultProvider: of('provider.default', 'name'), buildImage: of('image.build', 'provider'), removeImage: of('image.remove', 'provider', 'name'),
  setPool: of('pool.set', 'url', 'provider', 'count', 'budgetMicros'), removePool: of('pool.remove', 'id'),
  addDeployKey: of('deploy-key.add', 'url'), removeDeployKey: of('deploy-key.remove', 'keyId'), makeSigningKey: of('signing-key.add'), removeSigningKey: of('signing-key.remove'), createRepositoryToken: of('repository-token.create', 'id', 'access', 'lastsMs'), revokeRepositoryTokens: of('repository-token.revoke', 'id'),
  createHostedRepository: of('repository.create', 'name', 'label'), keepHostedRepository: of('repository.keep', 'repositoryId'), removeHostedRepository: of('repository.remove', 'repositoryId', 'force'),
  createHostedToken: of('repository-token.create', 'repositoryId', 'access', 'lastsMs'), revokeHostedTokens: of('repository-token.revoke', 'repositoryId'),
  putInjection: of('injection.set', 'name', 'host'), removeInjection: of('injection.remove', 'name'),
  createSignInLink: of('sign-in-link.create'), createToken: of('token.create', 'name', 'scope'), revokeToken: of('token.revoke', 'id'),
  signOut: of('sign-out'), signOutEverywhere: of('sign-out', 'tokens'), answerDeviceLogin: of('device.answer', 'decision'),
  invite: of('person.invite', 'role', 'note'), revokeInvitation: of('person.uninvite', 'invitationId'), setRole: of('person.role', 'userId', 'role'), removePerson: of('person.remove', 'userId'),
  addPasskey: of('passkey.add', 'name'), removePasskey: of('passkey.remove', 'id'),
  createOrganisation: of('organisation.create', 'name'), stopServer: of('server.stop'), releaseReaper: of('server.release'), installAgent: of('agent.install', 'name'),
}
export const AUDITED_BESIDE: Readonly<Partial<Record<BesideRoute, AuditAction>>> = {
  terminal: 'terminal.open', ssh: 'ssh.open', port: 'port.open', run: 'run.open', sync: 'sync.open', gitPush: 'code.push', enterPreview: 'preview.enter', startFromPreview: 'workspace.start',
}

const TEXT_LIMIT = 300

/** From input that nobody has looked at yet: texts, numbers and yes or no, each cut; anything else is left out. */
export function subjectOf(input: unknown, fields: readonly string[]): string {
  return fields.map((field) => wordOf(field.split('.').reduce<unknown>((value, name) => (typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined), input))).filter((word) => word !== '').join(' ')
}

function wordOf(value: unknown): string {
  if (typeof value !== 'string') return typeof value === 'number' || typeof value === 'boolean' ? String(value) : ''
  const text = value.slice(0, TEXT_LIMIT)
  // An address of a repository may have been written with a password in it.
  return text.replace(/\/\/[^/@\s]*@/, '//')
}
