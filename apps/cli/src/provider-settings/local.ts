import { absolutePath, hostWithPort, oneOf, port, type ProviderSettings } from './setting.ts'

export const local: ProviderSettings = {
  'host-port': { key: 'hostPorts', value: 'port', multiple: true, help: 'machines may reach this port of the host as host.docker.internal', read: port },
  allow: { key: 'egressAllow', value: 'host[:port]', multiple: true, help: 'machines may reach this private address', read: hostWithPort },
  'read-only': { key: 'readOnlyPaths', value: 'path', multiple: true, help: 'machines see this path of the host', read: absolutePath },
  sandbox: { key: 'sandbox', value: 'kind', help: 'auto, or none (the agent has your rights)', read: oneOf('auto', 'none') },
}
