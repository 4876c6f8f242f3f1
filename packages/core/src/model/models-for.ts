/** Which vendors a workspace reaches through the server's key. Pure. */
import { MODEL_VENDORS, ModelVendor } from '@berth/wire/model-access'

/** Files of a login that a person copied in, and whose it is. */
const COPIED: Readonly<Record<ModelVendor, RegExp>> = { anthropic: /^\.claude\/\.credentials\.json$/, openai: /^\.codex\/auth\.json$/, gemini: /^\.gemini\/oauth_creds\.json$/ }

/** Those that there is a key for, and for which nobody chose another way: a login of their own stays in use. */
export function modelsFor(keys: readonly { readonly vendor: ModelVendor }[], secrets: { readonly env: Readonly<Record<string, string>>; readonly homeFiles: readonly { readonly path: string }[] }): ModelVendor[] {
  return ModelVendor.options.filter((vendor) => keys.some((key) => key.vendor === vendor)
    && MODEL_VENDORS[vendor].ownWay.every((name) => (secrets.env[name] ?? '') === '')
    && !secrets.homeFiles.some(({ path }) => COPIED[vendor].test(path)))
}
