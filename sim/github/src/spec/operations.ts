/** What of GitHub's REST API the simulator serves, by its published operation ids. */
export const OPERATIONS = [
  'apps/create-from-manifest', 'apps/get-authenticated', 'apps/list-installations', 'apps/get-installation', 'apps/delete-installation',
  'apps/get-repo-installation', 'apps/create-installation-access-token', 'apps/revoke-installation-access-token', 'apps/list-repos-accessible-to-installation',
  'apps/list-webhook-deliveries', 'apps/get-webhook-delivery', 'apps/redeliver-webhook-delivery',
  'repos/get', 'search/repos', 'repos/get-collaborator-permission-level',
  'pulls/create', 'pulls/list', 'pulls/get', 'checks/list-for-ref', 'repos/get-combined-status-for-ref',
  'users/get-authenticated', 'users/list-emails-for-authenticated-user', 'apps/list-installations-for-authenticated-user', 'apps/list-installation-repos-for-authenticated-user',
  'apps/check-token', 'apps/delete-token', 'apps/delete-authorization', 'apps/suspend-installation', 'apps/unsuspend-installation', 'apps/get-webhook-config-for-app', 'apps/update-webhook-config-for-app',
] as const
export type OperationId = (typeof OPERATIONS)[number]

/** What it tells apps of, by the published names of its webhooks. */
export const WEBHOOKS = [
  'ping', 'push', 'status', 'check-run/created', 'check-run/completed', 'pull-request/opened', 'pull-request/closed',
  'installation/created', 'installation/deleted', 'installation/suspend', 'installation/unsuspend', 'installation-repositories/added', 'installation-repositories/removed',
  'github-app-authorization/revoked', 'member/added', 'member/removed', 'repository/deleted', 'repository/privatized',
] as const
export type WebhookName = (typeof WEBHOOKS)[number]
