import { absolutePath, numberFrom, some, type ProviderSettings } from './setting.ts'

export const ec2: ProviderSettings = {
  image: { key: 'image', value: 'image', help: 'the image of workspaces that name none, by its id (default: the newest Debian 12)', read: some('the id of an image, such as ami-0123456789abcdef0', /^ami-[0-9a-f]+$/) },
  'credentials-file': { key: 'credentialsFile', value: 'path', help: "a file with keys as Amazon's own tools write it, on the host of the server", read: absolutePath },
  profile: { key: 'profile', value: 'name', help: 'of the credentials file (default: default)', read: some('the name of a profile', /^\S+$/) },
  region: { key: 'region', value: 'region', help: 'where instances and disks are made (default us-east-1)', read: some('the name of a region, such as eu-central-1', /^[a-z]{2}(-[a-z]+)+-\d$/) },
  subnet: { key: 'subnets', value: 'id', multiple: true, help: 'instances are made in this subnet, which reaches the internet (default: those of the default network)', read: some('the id of a subnet', /^subnet-[0-9a-f]+$/) },
  'instance-type': { key: 'instanceTypes', value: 'type', multiple: true, help: 'this type alone may be bought, the cheapest that fits of all that are named', read: some('a type such as m6a.large', /^[a-z0-9-]+\.[a-z0-9]+$/) },
  'root-gb': { key: 'rootGb', value: 'n', help: 'of the disk with the system (default 12)', read: numberFrom(8, 16_384) },
  'volume-gb': { key: 'volumeGb', value: 'n', help: 'of the disk with the work (default 20)', read: numberFrom(1, 16_384) },
  'end-after': { key: 'endAfterHours', value: 'hours', help: 'an instance that does not hear of this server for so long ends, and its disk stays (default 12)', read: numberFrom(1, 720, '1 to 720 hours') },
}
