/** What of the Hetzner Cloud API the simulator serves, by its published operation ids. */
export const OPERATIONS = [
  'list_servers', 'create_server', 'get_server', 'delete_server', 'replace_server',
  'power_on_server', 'power_off_server', 'shutdown_server', 'soft_reboot_server',
  'get_multiple_actions', 'get_action', 'list_server_types', 'get_server_type', 'list_locations', 'get_location', 'list_images', 'get_image', 'create_image_from_server', 'replace_image', 'delete_image',
  'list_volumes', 'create_volume', 'get_volume', 'delete_volume', 'detach_volume',
  'list_primary_ips', 'delete_primary_ip', 'list_firewalls', 'create_firewall', 'get_firewall', 'delete_firewall', 'list_ssh_keys', 'list_prices',
] as const
export type OperationId = (typeof OPERATIONS)[number]
