import { absolutePath, image, numberFrom, type ProviderSettings } from './setting.ts'

export const freestyle: ProviderSettings = {
  image: { key: 'image', value: 'image', help: 'the image of workspaces that name none', read: image },
  'token-file': { key: 'tokenFile', value: 'path', help: 'a file with the API key of an account, on the host of the server', read: absolutePath },
  'end-after': { key: 'endAfterHours', value: 'hours', help: 'a machine that does not hear of this server for so long shuts down, and its disk stays (default 12)', read: numberFrom(1, 720, '1 to 720 hours') },
}
