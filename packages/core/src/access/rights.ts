/**
 * What each way into the server asks for. One table: a route that is not in it does not compile, and whoever serves one
 * asks here before the handler runs.
 */
import type { Level } from '@berth/wire/access'
import type { RouteName } from '@berth/wire/routes'

export type Right =
  /** Without a credential. */
  | 'anybody'
  /** Whoever is signed in, about the server and themselves. */
  | 'known'
  /** What of the organisation they may see; the answer holds no more than that. */
  | 'list'
  /** Their own settings. */
  | 'self'
  /** What lets somebody in as them. */
  | 'account'
  /** To know what a workspace can be made of. */
  | 'survey'
  | 'make'
  /** To read what owners decide about: people, credentials, the record. */
  | 'oversee'
  | 'manage'
  /** The server itself, for owners of the organisation that it belongs to. */
  | 'operate'
  /** In the workspace that is asked about. */
  | Level

export const ROUTE_RIGHTS: Readonly<Record<RouteName, Right>> = {
  health: 'anybody',
  server: 'known', listProviders: 'known', listAgents: 'known', pushKey: 'known', leaveViewer: 'known', heartbeatViewer: 'known',
  stopServer: 'operate', checkServer: 'operate', releaseReaper: 'operate', installAgent: 'operate',

  me: 'known', changeMe: 'self', signOut: 'known',
  createSignInLink: 'account', listTokens: 'account', createToken: 'account', revokeToken: 'account', signOutEverywhere: 'account', chooseOrganisation: 'account',
  listPasskeys: 'account', beginPasskey: 'account', addPasskey: 'account', removePasskey: 'account',
  beginDeviceLogin: 'anybody', pollDeviceLogin: 'anybody', getDeviceLogin: 'account', answerDeviceLogin: 'account',
  listPeople: 'survey', setRole: 'manage', removePerson: 'manage', listInvitations: 'oversee', invite: 'manage', revokeInvitation: 'manage',
  createOrganisation: 'operate',
  getSettings: 'known', changeSettings: 'self', listPushDevices: 'known', addPushDevice: 'self', removePushDevice: 'self', testNotification: 'self',

  listWorkspaces: 'list', listApprovals: 'list',
  createWorkspace: 'make', listRepositories: 'survey',
  listProjectMcp: 'survey', setProjectMcp: 'manage', removeProjectMcp: 'manage',
  listProjectSecrets: 'survey', setProjectSecret: 'manage', removeProjectSecret: 'manage',
  listGitHosts: 'survey', addGitHost: 'manage', removeGitHost: 'manage', listDeployKeys: 'survey', addDeployKey: 'manage', removeDeployKey: 'manage',
  listGitHubApps: 'survey', beginGitHubSetup: 'manage', addGitHubApp: 'manage', removeGitHubApp: 'manage',
  listGitHubInstallations: 'survey', listGitHubRepositories: 'survey', listGitHubConnections: 'survey', searchRepositories: 'survey', checkRepository: 'make',
  getCommitIdentity: 'known', setCommitIdentity: 'self', makeSigningKey: 'account', removeSigningKey: 'account',
  listModelKeys: 'survey', putModelKey: 'manage', removeModelKey: 'manage', listModelUsage: 'survey', addModelFallback: 'manage', removeModelFallback: 'manage', listModelUsageDays: 'survey', listModelBudgets: 'survey', setModelBudget: 'manage',
  createVm: 'make', listVms: 'list', deleteVm: 'own', cleanupVm: 'act', listGitHubRepos: 'survey',
  listCosts: 'survey', quoteWorkspace: 'survey', listCostLimits: 'survey', setCostLimit: 'manage', listPools: 'survey', setPool: 'manage', removePool: 'manage', checkProvider: 'manage', setDefaultProvider: 'operate',
  listImages: 'survey', getImageBuild: 'survey', buildImage: 'operate', removeImage: 'operate',
  listInjections: 'survey', putInjection: 'manage', removeInjection: 'manage', getEgress: 'look', setEgress: 'own',
  listAudit: 'oversee',
  listHostedRepositories: 'list', getGitPolicy: 'look', changeGitPolicy: 'own', createRepositoryToken: 'act', revokeRepositoryTokens: 'act',
  // Which of them are whose is asked with the repository at hand.
  createHostedRepository: 'make', keepHostedRepository: 'make', removeHostedRepository: 'make', createHostedToken: 'make', revokeHostedTokens: 'make',

  getWorkspace: 'look', listEvents: 'look', joinViewer: 'look', diff: 'look', logs: 'look', listTerminals: 'look', getApproval: 'look',
  getReview: 'look', suggestCommit: 'look', listCheckpoints: 'look', listFiles: 'look', readFile: 'look', listPorts: 'look', listCommands: 'look',
  listPreviews: 'look', listSessions: 'look', pullStatus: 'look', listPulls: 'look',

  sendMessage: 'act', interrupt: 'act', decideApproval: 'act', startWorkspace: 'act', stopWorkspace: 'act', rebuildWorkspace: 'act', keepAlive: 'act',
  sourceReady: 'act', sourceFailed: 'act', publish: 'act', pushCode: 'act', checkOrigin: 'act', updateFromOrigin: 'act', createPull: 'act', tellChecks: 'act', watchPull: 'act',
  markHunks: 'act', editHunk: 'act', addComment: 'act', removeComment: 'act', sendReview: 'act', commit: 'act', rewind: 'act', writeFile: 'act',
  // What stands on a screen may hold more than the work does.
  terminalSnapshot: 'act', sshAccess: 'act',
  listSaved: 'list', getSaved: 'list', restoreSaved: 'make', removeSaved: 'make', moveWorkspace: 'own', cancelMove: 'own', saveWorkspace: 'own',
  addSession: 'act', forkSession: 'act', handOverSession: 'act', endSession: 'act',
  listLogins: 'act', beginSignIn: 'act', getSignIn: 'act', answerSignIn: 'act',

  // With a project's servers among them, whose addresses only those read who read the machine.
  listWorkspaceMcp: 'act',
  listWorkspacePeople: 'own', grantWorkspace: 'own', deleteWorkspace: 'own', setWeb: 'own', setPreview: 'own', sharePreview: 'own', setWorkspaceMcp: 'own', removeWorkspaceMcp: 'own',
}

/** Ways in beside the contract. */
export const BESIDE_RIGHTS = {
  page: 'known', openapi: 'known', pageSocket: 'known', metrics: 'operate',
  events: 'look', gitFetch: 'look',
  enterPreview: 'visit',
  gitPush: 'act', archive: 'act', uploads: 'act', terminal: 'act', ssh: 'act', port: 'act', run: 'act', sync: 'act', startFromPreview: 'act', answerInNotification: 'act',
} as const satisfies Record<string, Right>
export type BesideRoute = keyof typeof BESIDE_RIGHTS
