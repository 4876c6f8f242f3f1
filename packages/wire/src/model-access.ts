/**
 * Keys of model vendors that the server keeps, and what workspaces used of them. A workspace holds a placeholder and an
 * address on its own loopback; the key is put in on the way.
 */
import { oc } from '@orpc/contract'
import { z } from 'zod'
import { WorkspaceId } from './ids.ts'

export const ModelVendor = z.enum(['anthropic', 'openai', 'gemini'])
export type ModelVendor = z.infer<typeof ModelVendor>
/** Where a vendor listens, and what its agents are told instead: `BASE` is the address on the workspace's loopback. */
export const MODEL_VENDORS: Readonly<Record<ModelVendor, { readonly title: string; readonly baseUrl: string; readonly env: Readonly<Record<string, string>>; /** With one of these a person has chosen another way. */ readonly ownWay: readonly string[] }>> = {
  anthropic: {
    title: 'Anthropic', baseUrl: 'https://api.anthropic.com', env: { ANTHROPIC_BASE_URL: 'BASE', ANTHROPIC_AUTH_TOKEN: 'berth-placeholder' },
    ownWay: ['ANTHROPIC_BASE_URL', 'ANTHROPIC_API_KEY', 'ANTHROPIC_AUTH_TOKEN', 'CLAUDE_CODE_OAUTH_TOKEN', 'CLAUDE_CODE_USE_BEDROCK', 'CLAUDE_CODE_USE_VERTEX', 'CLAUDE_CODE_USE_FOUNDRY'],
  },
  openai: { title: 'OpenAI', baseUrl: 'https://api.openai.com', env: { OPENAI_BASE_URL: 'BASE/v1', OPENAI_API_KEY: 'berth-placeholder' }, ownWay: ['OPENAI_BASE_URL', 'OPENAI_API_KEY', 'CODEX_API_KEY'] },
  gemini: { title: 'Gemini', baseUrl: 'https://generativelanguage.googleapis.com', env: { GOOGLE_GEMINI_BASE_URL: 'BASE', GEMINI_API_KEY: 'berth-placeholder' }, ownWay: ['GOOGLE_GEMINI_BASE_URL', 'GEMINI_API_KEY', 'GOOGLE_API_KEY', 'GOOGLE_GENAI_USE_VERTEXAI'] },
}

export const ModelKey = z.object({
  vendor: ModelVendor, baseUrl: z.string(), addedAt: z.number(), lastUsedAt: z.number().nullable(),
  /** Millionths of a dollar that one workspace may use; null: as much as it wants. */
  limitMicros: z.number().int().nullable(),
})
export type ModelKey = z.infer<typeof ModelKey>

export const ModelUsage = z.object({
  workspaceId: WorkspaceId, vendor: ModelVendor, model: z.string(), requests: z.number().int(),
  inputTokens: z.number().int(), outputTokens: z.number().int(), cacheReadTokens: z.number().int(), cacheWriteTokens: z.number().int(),
  /** By the maker's list; what has no price there counts as nothing. */
  costMicros: z.number().int(),
})
export type ModelUsage = z.infer<typeof ModelUsage>

const tag = { tags: ['models'] }
/** Spread into `api`. */
export const modelAccessApi = {
  listModelKeys: oc.route({ method: 'GET', path: '/model-keys', summary: 'Model keys that workspaces use through this server', ...tag }).output(z.array(ModelKey)),
  /** One for each vendor: what is there is replaced. Workspaces use it from their next start of the agent on. */
  putModelKey: oc.route({ method: 'PUT', path: '/model-keys/{vendor}', summary: 'Keep the key of a model vendor', ...tag })
    .input(z.object({ vendor: ModelVendor, key: z.string().min(1).max(8192).regex(/^[\x21-\x7e]+$/), baseUrl: z.url({ protocol: /^https?$/ }).max(512).optional(), limitMicros: z.number().int().min(0).nullable().default(null) })).output(ModelKey),
  removeModelKey: oc.route({ method: 'DELETE', path: '/model-keys/{vendor}', summary: 'Forget the key of a model vendor', ...tag }).input(z.object({ vendor: ModelVendor })).output(z.object({ removed: z.boolean() })),
  listModelUsage: oc.route({ method: 'GET', path: '/model-usage', summary: 'What workspaces used through this server', ...tag }).input(z.object({ workspace: WorkspaceId.optional() })).output(z.array(ModelUsage)),
}
