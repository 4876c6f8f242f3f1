import { absolutePath, image, numberFrom, some, type ProviderSettings } from './setting.ts'

export const hetzner: ProviderSettings = {
  image: { key: 'image', value: 'image', help: 'the image of workspaces that name none', read: image },
  'token-file': { key: 'tokenFile', value: 'path', help: 'a file with the token of a project (Read & Write), on the host of the server', read: absolutePath },
  location: { key: 'location', value: 'place', help: 'where servers and disks are made (default fsn1)', read: some('the name of a location, such as fsn1', /^[a-z0-9-]+$/) },
  'volume-gb': { key: 'volumeGb', value: 'n', help: 'of the disk that stays when a server is given back (default 20)', read: numberFrom(10, 10_240) },
}
