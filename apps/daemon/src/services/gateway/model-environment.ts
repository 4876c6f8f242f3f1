/** What leads an agent to its model through the gateway: an address on the loopback and a placeholder for the key. */
import type { SessionId } from '@berth/wire'
import { MODEL_SESSION_PREFIX } from '@berth/wire/daemon'
import { MODEL_VENDORS, ModelVendor } from '@berth/wire/model-access'

/** A vendor that only a newer server knows is passed over. */
export function modelEnvironment(vendors: readonly string[], modelUrl: string): Record<string, string> {
  return Object.fromEntries(ModelVendor.options.filter((vendor) => vendors.includes(vendor)).flatMap((vendor) =>
    Object.entries(MODEL_VENDORS[vendor].env).map(([name, value]) => [name, value.replace('BASE', `${modelUrl}/${vendor}`)] as const)))
}

/** What is used by that address is counted for that session. */
export const ofSession = (modelUrl: string, session: SessionId | null): string => session === null ? modelUrl : `${modelUrl}/${MODEL_SESSION_PREFIX}${session}`
