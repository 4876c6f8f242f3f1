import { absolutePath, image, numberFrom, oneOf, some, type ProviderSettings } from './setting.ts'

export const fly: ProviderSettings = {
  image: { key: 'image', value: 'image', help: 'the image of workspaces that name none', read: image },
  'token-file': { key: 'tokenFile', value: 'path', help: 'a file with the token of an organization, on the host of the server', read: absolutePath },
  organization: { key: 'organization', value: 'name', help: 'whose apps they are, by its short name (default personal)', read: some('the short name of an organization', /^[a-z0-9-]+$/) },
  'fly-region': { key: 'regions', value: 'region', multiple: true, help: 'where machines are made, the first that has room (default iad)', read: some('the code of a region, such as fra', /^[a-z]{3}$/) },
  'cpu-kind': { key: 'cpuKind', value: 'kind', help: 'shared (default), or performance', read: oneOf('shared', 'performance') },
  'volume-gb': { key: 'volumeGb', value: 'n', help: 'of the volume that stays when a machine is given back (default 20)', read: numberFrom(1, 500) },
  'end-after': { key: 'endAfterHours', value: 'hours', help: 'a machine that does not hear of this server for so long ends, and its volume stays (default 12)', read: numberFrom(1, 720, '1 to 720 hours') },
}
