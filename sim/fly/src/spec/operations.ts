/** What of the Fly Machines API the simulator serves, by its published operation ids. */
export const OPERATIONS = [
  'Apps_list', 'Apps_create', 'Apps_show', 'Apps_delete',
  'Machines_list', 'Machines_create', 'Machines_show', 'Machines_delete', 'Machines_start', 'Machines_stop', 'Machines_org_list',
  'Volumes_list', 'Volumes_create', 'Volumes_get_by_id', 'Volume_delete', 'Volumes_org_list',
  'Platform_regions_get', 'CurrentToken_show',
] as const
export type OperationId = (typeof OPERATIONS)[number]
