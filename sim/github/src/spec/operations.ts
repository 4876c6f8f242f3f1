/** What of GitHub's REST API the simulator serves, by its published operation ids. */
export const OPERATIONS = [
  'apps/create-from-manifest', 'apps/get-authenticated', 'apps/list-installations', 'apps/get-installation', 'apps/delete-installation',
  'apps/get-repo-installation', 'apps/create-installation-access-token', 'apps/revoke-installation-access-token', 'apps/list-repos-accessible-to-installation',
  'apps/list-webhook-deliveries', 'apps/get-webhook-delivery', 'apps/redeliver-webhook-delivery',
  'repos/get', 'search/repos', 'repos/get-collaborator-permission-level',
  'pulls/create', 'pulls/list', 'pulls/get', 'checks/list-for-ref', 'repos/get-combined-status-for-ref',
  'users/get-authenticated', 'apps/list-installations-for-authenticated-user', 'apps/list-installation-repos-for-authenticated-user',
] as const
export type OperationId = (typeof OPERATIONS)[number]
