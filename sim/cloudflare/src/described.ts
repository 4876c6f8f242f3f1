/**
 * What Cloudflare takes and gives of zones and DNS records, closed: what is not described is refused. The source is the
 * official client's types (`cloudflare` 7.3.0 on npm, made from their description); `agrees.ts` holds both together
 * when types are checked.
 */
import { z } from 'zod'

const page = { page: z.coerce.number().int().min(1).default(1), per_page: z.coerce.number().int().min(5).max(5_000_000).default(100) }
const text = z.string().min(1).max(255)

const filters = z.strictObject({
  'comment.absent': text, 'comment.contains': text, 'comment.endswith': text, 'comment.exact': text, 'comment.present': text, 'comment.startswith': text,
  'content.exact': text, 'content.contains': text, 'content.startswith': text, 'content.endswith': text,
  'name.exact': text, 'name.contains': text, 'name.startswith': text, 'name.endswith': text,
  direction: z.enum(['asc', 'desc']), match: z.enum(['any', 'all']), order: z.enum(['type', 'name', 'content', 'ttl', 'proxied']),
  proxied: z.enum(['true', 'false']), search: text, type: z.string().regex(/^[A-Z]+$/),
}).partial()
export const ListRecords = z.strictObject({ ...page, ...filters.shape })
export type ListRecords = z.infer<typeof ListRecords>

export const ListZones = z.strictObject({
  ...page, name: text.optional(), status: z.enum(['initializing', 'pending', 'active', 'moved']).optional(), match: z.enum(['any', 'all']).optional(),
  direction: z.enum(['asc', 'desc']).optional(), order: z.enum(['name', 'status', 'account.id', 'account.name', 'plan.id']).optional(),
})

/** 1: automatic. */
const ttl = z.union([z.literal(1), z.number().int().min(60).max(86_400)])
const shared = { name: z.string().min(1).max(255), ttl, comment: z.string().max(100).optional() }
const proxied = { proxied: z.boolean().optional() }
export const NewRecord = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('A'), content: z.ipv4(), ...shared, ...proxied }),
  z.strictObject({ type: z.literal('AAAA'), content: z.ipv6(), ...shared, ...proxied }),
  z.strictObject({ type: z.literal('CNAME'), content: z.string().regex(/^[a-z0-9_.-]+$/i), ...shared, ...proxied }),
  // Quoted, as their own page shows it; unquoted is taken with a warning, which nothing of ours should live on.
  z.strictObject({ type: z.literal('TXT'), content: z.string().regex(/^".*"$/).max(2048), ...shared, ...proxied }),
])
export type NewRecord = z.infer<typeof NewRecord>
/** What a PATCH may say; the whole is judged again. */
export const ChangeRecord = z.strictObject({ type: z.enum(['A', 'AAAA', 'CNAME', 'TXT']), name: shared.name, ttl, comment: z.string().max(100), content: z.string().max(2048), proxied: z.boolean() }).partial()

export interface SimRecord {
  readonly id: string; readonly type: NewRecord['type']; readonly name: string; readonly content: string; readonly ttl: number
  readonly proxied: boolean; readonly proxiable: boolean; readonly comment?: string
  readonly created_on: string; readonly modified_on: string
  readonly meta: Record<string, never>; readonly settings: Record<string, never>; readonly tags: string[]
}
export interface SimZone { readonly id: string; readonly name: string }
