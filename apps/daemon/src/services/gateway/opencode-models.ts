/**
 * opencode reads the address of a model from its configuration and nowhere else. What leads the other programs by their
 * environment is said there too, in every shell; what a person said in the same place stays.
 */
import { MODEL_VENDORS, type ModelVendor } from '@berth/wire/model-access'
import { filled } from '../agents/filled.ts'
import { parseJson } from '../agents/json-lines.ts'
import { z } from 'zod'

export const OPENCODE_CONFIG = 'OPENCODE_CONFIG_CONTENT'
const Fields = z.record(z.string(), z.unknown())
/** Its own name of each vendor, and where its programs of them begin. */
const PROVIDERS: Readonly<Record<ModelVendor, { readonly name: string; readonly base: string; readonly below: string; readonly key: string }>> = {
  anthropic: { name: 'anthropic', base: 'ANTHROPIC_BASE_URL', below: '/v1', key: 'ANTHROPIC_AUTH_TOKEN' },
  openai: { name: 'openai', base: 'OPENAI_BASE_URL', below: '', key: 'OPENAI_API_KEY' },
  gemini: { name: 'google', base: 'GOOGLE_GEMINI_BASE_URL', below: '/v1beta', key: 'GEMINI_API_KEY' },
}

/** `env` is that of the workspace; a vendor whose key there is not our placeholder is reached in another way. */
export function withOpencodeModels(env: Readonly<Record<string, string>>): Record<string, string> {
  const provider = Object.fromEntries((Object.keys(PROVIDERS) as ModelVendor[]).flatMap((vendor) => {
    const { name, base, below, key } = PROVIDERS[vendor]
    const placeholder = MODEL_VENDORS[vendor].env[key]
    return placeholder === undefined || env[key] !== placeholder || env[base] === undefined ? [] : [[name, { options: { baseURL: `${env[base]}${below}`, apiKey: placeholder } }]]
  }))
  // Whoever wrote it with comments has said all of it.
  const given = Fields.safeParse(parseJson(env[OPENCODE_CONFIG] ?? '{}'))
  return Object.keys(provider).length === 0 || !given.success ? { ...env } : { ...env, [OPENCODE_CONFIG]: JSON.stringify(filled(given.data, { provider })) }
}
