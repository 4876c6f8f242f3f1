import { hostWithPort, image, oneOf, port, some, type ProviderSettings } from './setting.ts'

export const docker: ProviderSettings = {
  socket: { key: 'socket', value: 'path', help: 'the socket of the engine, or a DOCKER_HOST value', read: some('a path or an address', /^\S+$/) },
  image: { key: 'defaultImage', value: 'image', help: 'the image of workspaces that name none', read: image },
  'base-image': { key: 'baseImage', value: 'kind', help: "auto, or host-usr (an image that borrows this host's /usr)", read: oneOf('auto', 'host-usr') },
  'host-port': { key: 'hostPorts', value: 'port', multiple: true, help: 'machines may reach this port of the host as host.docker.internal', read: port },
  allow: { key: 'egressAllow', value: 'host[:port]', multiple: true, help: 'machines may reach this private address', read: hostWithPort },
}
