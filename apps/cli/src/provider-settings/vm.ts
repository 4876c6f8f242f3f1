import { absolutePath, hostWithPort, numberFrom, oneOf, port, type ProviderSettings } from './setting.ts'

export const vm: ProviderSettings = {
  image: { key: 'image', value: 'path', help: 'a disk image with cloud-init, qcow2 or raw, such as Debian’s genericcloud', read: absolutePath },
  kernel: { key: 'kernel', value: 'path', help: 'for an image without a boot loader', read: absolutePath },
  initrd: { key: 'initrd', value: 'path', help: 'with --kernel', read: absolutePath },
  'disk-gb': { key: 'diskGb', value: 'n', help: 'of each machine’s disk, which takes what is written to it (default 20)', read: numberFrom(2, 10_000) },
  acceleration: { key: 'acceleration', value: 'kind', help: 'auto, kvm, or tcg (no KVM, some twenty times slower)', read: oneOf('auto', 'kvm', 'tcg') },
  'host-port': { key: 'hostPorts', value: 'port', multiple: true, help: 'machines may reach this port of the host as host.docker.internal', read: port },
  allow: { key: 'egressAllow', value: 'host[:port]', multiple: true, help: 'machines may reach this private address', read: hostWithPort },
}
