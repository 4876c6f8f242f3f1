/** The part of the contract about a person's settings, channels and repositories. */
import { settingsApi } from '@berth/wire/settings'
import { implement } from '@orpc/server'
import type { Notifying } from '../notify/index.ts'
import type { ServiceDeps } from '../services/deps.ts'
import { listRepositories } from '../services/repositories.ts'
import type { Branches } from '../services/repositories.ts'
import { addPushDevice, changeSettings, getSettings, removePushDevice } from '../services/settings.ts'
import type { ApiContext } from './api.ts'
import { signedIn } from './signed-in.ts'

export interface SettingsApiDeps extends ServiceDeps { readonly notifying: Notifying; readonly branches: Branches }

export function settingsRouter(deps: SettingsApiDeps) {
  const os = implement(settingsApi).$context<ApiContext>().use(signedIn)
  return {
    getSettings: os.getSettings.handler(({ context }) => getSettings(deps, context.caller.userId)),
    changeSettings: os.changeSettings.handler(({ input, context }) => changeSettings(deps, context.caller.userId, input)),
    pushKey: os.pushKey.handler(async () => ({ publicKey: await deps.notifying.publicKey() })),
    listPushDevices: os.listPushDevices.handler(({ context }) => deps.store.devices.list(context.caller.userId)),
    addPushDevice: os.addPushDevice.handler(({ input, context }) => addPushDevice(deps, context.caller.userId, input)),
    removePushDevice: os.removePushDevice.handler(({ input, context }) => removePushDevice(deps, context.caller.userId, input.deviceId)),
    testNotification: os.testNotification.handler(({ context }) => deps.notifying.test(context.caller.userId)),
    listRepositories: os.listRepositories.handler(({ input, context }) => listRepositories(deps, context.caller.orgId, input.query)),
  }
}
