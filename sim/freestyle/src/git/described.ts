/**
 * What Freestyle takes and gives of repositories and identities, closed: what is not described is refused. The source is the
 * types of its other client (`freestyle-sandboxes` 0.1.46 on npm; /git/v1 and /identity/v1). `agrees.ts` holds both together
 * when types are checked.
 */
import { z } from 'zod'

const text = z.string()
const id = z.uuid()
const count = z.coerce.number().int().min(0)
export const Level = z.enum(['read', 'write'])
export type Level = z.infer<typeof Level>

const Files = z.strictObject({ type: z.literal('files'), files: z.record(text.min(1), text), commitMessage: text, authorName: text.nullable().optional(), authorEmail: text.nullable().optional() })
/** Without copies of other places, which are not played here. */
export const NewRepo = z.strictObject({ name: text.nullable(), public: z.boolean(), defaultBranch: text.min(1).nullable(), import: Files }).partial()
export type NewRepo = z.infer<typeof NewRepo>
export const RepoMade = z.strictObject({ repoId: id })
export type RepoMade = z.infer<typeof RepoMade>
export const Page = z.strictObject({ limit: count, offset: count }).partial()
export type Page = z.infer<typeof Page>
const Visibility = z.enum(['public', 'private'])
export const Repo = z.strictObject({ id, name: text.nullable(), accountId: text, visibility: Visibility, defaultBranch: text, createdAt: z.iso.datetime() })
export type Repo = z.infer<typeof Repo>
/**
 * Laid over the types: `id`. Without it a list would name nothing; the command line in that same package prints it (`repo.id`), and
 * so does docs.freestyle.sh/v2/git/repos.
 */
const Listed = z.strictObject({ id, branches: z.record(text, z.strictObject({ default: z.boolean(), name: text, target: text.nullable() })), tags: z.record(text, z.strictObject({ name: text, target: text })), defaultBranch: text })
export const Repos = z.strictObject({ repositories: z.array(Listed), total: z.int(), offset: z.int() })
export type Repos = z.infer<typeof Repos>

export const Nothing = z.strictObject({})
export type Nothing = z.infer<typeof Nothing>
export const Identity = z.strictObject({ id, managed: z.boolean() })
export type Identity = z.infer<typeof Identity>
export const ListIdentities = Page.extend({ includeManaged: z.stringbool().optional() })
export type ListIdentities = z.infer<typeof ListIdentities>
export const Identities = z.strictObject({ identities: z.array(Identity), offset: z.int(), total: z.int() })
export type Identities = z.infer<typeof Identities>
export const Grant = z.strictObject({ permission: Level })
export type Grant = z.infer<typeof Grant>
export const Granted = z.strictObject({ identity: id, repo: id, accessLevel: Level.nullable() })
export type Granted = z.infer<typeof Granted>
export const Grants = z.strictObject({ repositories: z.array(z.strictObject({ id, name: text.nullable(), accountId: text, permissions: Level, visibility: Visibility })) })
export type Grants = z.infer<typeof Grants>
export const TokenMade = z.strictObject({ id, token: text })
export type TokenMade = z.infer<typeof TokenMade>
export const Tokens = z.strictObject({ tokens: z.array(z.strictObject({ id })) })
export type Tokens = z.infer<typeof Tokens>
/** `code` is what the client reads, the others are in its types. */
export const RefusalGiven = z.strictObject({ code: z.string().regex(/^[A-Z][A-Z_]*$/), error: text, message: text })
