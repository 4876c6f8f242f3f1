/** What leads an agent to its model through the gateway: an address on the loopback and a placeholder for the key. */
import { MODEL_VENDORS, ModelVendor } from '@berth/wire/model-access'

/** A vendor that only a newer server knows is passed over. */
export function modelEnvironment(vendors: readonly string[], modelUrl: string): Record<string, string> {
  return Object.fromEntries(ModelVendor.options.filter((vendor) => vendors.includes(vendor)).flatMap((vendor) =>
    Object.entries(MODEL_VENDORS[vendor].env).map(([name, value]) => [name, value.replace('BASE', `${modelUrl}/${vendor}`)] as const)))
}
