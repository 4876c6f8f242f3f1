/** What of the Bitbucket Cloud API the simulator serves. What the vendor publishes has no ids of operations: these are ours. */
const REPOSITORY = '/repositories/{workspace}/{repo_slug}'
export const OPERATIONS = {
  getRepository: { method: 'get', path: REPOSITORY },
  listPullRequests: { method: 'get', path: `${REPOSITORY}/pullrequests` },
  createPullRequest: { method: 'post', path: `${REPOSITORY}/pullrequests` },
  listBranches: { method: 'get', path: `${REPOSITORY}/refs/branches` },
  listStatuses: { method: 'get', path: `${REPOSITORY}/commit/{commit}/statuses` },
} as const
export type OperationId = keyof typeof OPERATIONS
