import { absolutePath, image, numberFrom, oneOf, some, type ProviderSettings } from './setting.ts'

const name = some('a name as Kubernetes has them', /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/)

export const kubernetes: ProviderSettings = {
  kubeconfig: { key: 'kubeconfig', value: 'path', help: 'a kubeconfig on the host of the server', read: absolutePath },
  context: { key: 'context', value: 'name', help: 'which context of it (default: the current one)', read: some('the name of a context', /^\S+$/) },
  namespace: { key: 'namespace', value: 'name', help: 'where machines are made, best one of its own', read: name },
  image: { key: 'image', value: 'image', help: 'the image of workspaces that name none', read: image },
  'image-pull-secret': { key: 'imagePullSecret', value: 'name', help: 'a secret of the namespace with which nodes pull the image', read: name },
  'storage-class': { key: 'storageClass', value: 'name', help: 'of the disks (default: that of the cluster)', read: name },
  'volume-gb': { key: 'diskGb', value: 'n', help: 'of the disk that stays when a machine stops (default 20)', read: numberFrom(1, 10_240) },
  'runtime-class': { key: 'runtimeClass', value: 'name', help: 'a stronger wall: gvisor, kata', read: name },
  'pod-security': { key: 'podSecurity', value: 'level', help: 'restricted (the default), or baseline: the daemon is another user than the agent', read: oneOf('restricted', 'baseline') },
  'network-policies': { key: 'networkPolicies', value: 'kind', help: 'enforced: the network of the cluster keeps to policies, so machines can be closed', read: oneOf('enforced', 'unknown') },
  'end-after': { key: 'endAfterHours', value: 'hours', help: 'a machine whose server does not look at it for so long ends, and its disk stays, where the cluster has Sandboxes (default 12)', read: numberFrom(1, 720) },
  allow: { key: 'egressAllow', value: 'host[:port]', multiple: true, help: 'machines may reach this private address', read: some('an address or a network, with a port or without', /^[\d.]+(\/\d{1,2})?(:\d{1,5})?$/) },
}
