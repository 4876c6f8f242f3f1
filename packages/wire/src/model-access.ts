/**
 * Keys of model vendors that the server keeps, and what workspaces used of them. A workspace holds a placeholder and an
 * address on its own loopback; the key is put in on the way.
 */
import { oc } from '@orpc/contract'
import { z } from 'zod'
import { SessionId, UserId, WorkspaceId } from './ids.ts'

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
  /** Absent: the vendor's first one. Others are tried in order when the one before is refused. */
  name: z.string().optional(),
  kind: z.enum(['key', 'oauth']).optional(),
  /** Only the workspaces of who added it use it, and before all others. */
  personal: z.boolean().optional(),
})
export type ModelKey = z.infer<typeof ModelKey>

export const ModelUsage = z.object({
  workspaceId: WorkspaceId, vendor: ModelVendor, model: z.string(), requests: z.number().int(),
  inputTokens: z.number().int(), outputTokens: z.number().int(), cacheReadTokens: z.number().int(), cacheWriteTokens: z.number().int(),
  /** By the maker's list; what has no price there counts as nothing. */
  costMicros: z.number().int(),
})
export type ModelUsage = z.infer<typeof ModelUsage>

/** What was used on one day (UTC), of one session, by one key. */
export const ModelUsageDay = ModelUsage.extend({
  day: z.string(), userId: UserId, sessionId: SessionId.nullable(), keyName: z.string(),
  /** Of the requests, those that were broken off: counted by what came. */
  estimated: z.number().int(),
  /** Tokens of models that have no price on the list. */
  unpricedTokens: z.number().int(),
})
export type ModelUsageDay = z.infer<typeof ModelUsageDay>

/** What a workspace, a person or the organisation may use in a month (UTC). At `soft` its people are told once, at `hard` calls are refused. */
export const ModelBudget = z.object({
  scope: z.enum(['workspace', 'user', 'organisation']),
  /** Id of the workspace or the user; the organisation's own. */
  subject: z.string().max(60),
  softMicros: z.number().int().min(0).nullable(), hardMicros: z.number().int().min(0).nullable(),
  /** In this month. */
  usedMicros: z.number().int(),
})
export type ModelBudget = z.infer<typeof ModelBudget>

/** A login of a vendor that is renewed by the server: with the refresh token, at `tokenUrl`. A secret. */
export const OAuthLogin = z.object({
  accessToken: z.string().min(1).max(8192), refreshToken: z.string().min(1).max(8192), expiresAt: z.number(),
  tokenUrl: z.url({ protocol: /^https?$/ }).max(512), clientId: z.string().max(200),
})
export type OAuthLogin = z.infer<typeof OAuthLogin>
export const KeyName = z.string().regex(/^[a-z0-9][a-z0-9-]{0,39}$/)

const tag = { tags: ['models'] }
const Budgeted = ModelBudget.pick({ scope: true }).extend({ subject: z.string().max(60).optional() })
/** Spread into `api`. */
export const modelAccessApi = {
  listModelKeys: oc.route({ method: 'GET', path: '/model-keys', summary: 'Model keys that workspaces use through this server', ...tag }).output(z.array(ModelKey)),
  /** One for each vendor: what is there is replaced. Workspaces use it from their next start of the agent on. */
  putModelKey: oc.route({ method: 'PUT', path: '/model-keys/{vendor}', summary: 'Keep the key of a model vendor', ...tag })
    .input(z.object({ vendor: ModelVendor, key: z.string().min(1).max(8192).regex(/^[\x21-\x7e]+$/), baseUrl: z.url({ protocol: /^https?$/ }).max(512).optional(), limitMicros: z.number().int().min(0).nullable().default(null) })).output(ModelKey),
  addModelFallback: oc.route({ method: 'PUT', path: '/model-keys/{vendor}/{name}', summary: 'Keep one more key of a model vendor, for when those before it are refused', ...tag })
    .input(z.object({ vendor: ModelVendor, name: KeyName, key: z.string().min(1).max(8192).regex(/^[\x21-\x7e]+$/).optional(), login: OAuthLogin.optional(), baseUrl: z.url({ protocol: /^https?$/ }).max(512).optional(), personal: z.boolean().default(false) }).refine(({ key, login }) => (key === undefined) !== (login === undefined), 'a key or a login')).output(ModelKey),
  removeModelFallback: oc.route({ method: 'DELETE', path: '/model-keys/{vendor}/{name}', summary: 'Forget one of the further keys', ...tag }).input(z.object({ vendor: ModelVendor, name: KeyName })).output(z.object({ removed: z.boolean() })),
  removeModelKey: oc.route({ method: 'DELETE', path: '/model-keys/{vendor}', summary: 'Forget the key of a model vendor', ...tag }).input(z.object({ vendor: ModelVendor })).output(z.object({ removed: z.boolean() })),
  listModelUsage: oc.route({ method: 'GET', path: '/model-usage', summary: 'What workspaces used through this server', ...tag }).input(z.object({ workspace: WorkspaceId.optional() })).output(z.array(ModelUsage)),
  listModelUsageDays: oc.route({ method: 'GET', path: '/model-usage/days', summary: 'What was used, by day, workspace, session, model and key', ...tag })
    .input(z.object({ workspace: WorkspaceId.optional(), since: z.string().regex(/^\d{4}-\d\d-\d\d$/).optional() })).output(z.array(ModelUsageDay)),
  listModelBudgets: oc.route({ method: 'GET', path: '/model-budgets', summary: 'What may be used in a month, and what was', ...tag }).output(z.array(ModelBudget)),
  /** Both null: there is none. */
  setModelBudget: oc.route({ method: 'PUT', path: '/model-budgets', summary: 'Say what may be used in a month', ...tag })
    .input(Budgeted.extend({ softMicros: z.number().int().min(0).nullable(), hardMicros: z.number().int().min(0).nullable() })).output(z.array(ModelBudget)),
}
