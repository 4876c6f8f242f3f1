/** The part of the contract about a person's settings, channels and repositories. */
import { BerthError } from '@berth/wire'
import { settingsApi } from '@berth/wire/settings'
import { implement } from '@orpc/server'
import type { Notifying } from '../notify/index.ts'
import type { ServiceDeps } from '../services/deps.ts'
import { listRepositories } from '../services/repositories.ts'
import type { Branches } from '../services/repositories.ts'
import { addPushDevice, changeSettings, getSettings, removePushDevice } from '../services/settings.ts'
import type { ApiContext } from './api.ts'

export interface SettingsApiDeps extends ServiceDeps { readonly notifying: Notifying; readonly branches: Branches }

export function settingsRouter(deps: SettingsApiDeps) {
  const os = implement(settingsApi).$context<ApiContext>()
  const signedIn = os.use(({ context, next }) => {
    if (!context.caller) throw new BerthError('unauthorized', 'no valid credential')
    return next({ context: { caller: context.caller } })
  })
  return {
    getSettings: signedIn.getSettings.handler(({ context }) => getSettings(deps, context.caller.userId)),
    changeSettings: signedIn.changeSettings.handler(({ input, context }) => changeSettings(deps, context.caller.userId, input)),
    pushKey: signedIn.pushKey.handler(async () => ({ publicKey: await deps.notifying.publicKey() })),
    listPushDevices: signedIn.listPushDevices.handler(({ context }) => deps.store.devices.list(context.caller.userId)),
    addPushDevice: signedIn.addPushDevice.handler(({ input, context }) => addPushDevice(deps, context.caller.userId, input)),
    removePushDevice: signedIn.removePushDevice.handler(({ input, context }) => removePushDevice(deps, context.caller.userId, input.deviceId)),
    testNotification: signedIn.testNotification.handler(({ context }) => deps.notifying.test(context.caller.userId)),
    listRepositories: signedIn.listRepositories.handler(({ input, context }) => listRepositories(deps, context.caller.orgId, input.query)),
  }
}
