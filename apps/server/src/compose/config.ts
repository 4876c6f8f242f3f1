/** `<home>/config.yaml`: optional, read once at start. Options given on the command line win. */
import { join } from 'node:path'
import { BerthError } from '@berth/wire'
import { z } from 'zod'
import { TlsConfig } from '../tls/settings.ts'

export const ServerConfig = z.strictObject({
  /** Address of the control listener. Default: loopback. */
  listen: z.string().min(1).optional(),
  port: z.number().int().min(0).max(65535).optional(),
  /** Where people reach this server through a proxy that does TLS. */
  publicUrl: z.url({ protocol: /^https?$/ }).optional(),
  /** `allowPrivate`: channels may lead into private networks (an ntfy at home). `contact`: whom a push service may write to. */
  /** Names of one's own network that closed workspaces may be let to: each leads to that address, also a private one. */
  egress: z.strictObject({ names: z.record(z.string().regex(/^[a-z0-9.-]+$/), z.union([z.ipv4(), z.ipv6()])) }).optional(),
  notify: z.strictObject({ allowPrivate: z.boolean().optional(), contact: z.string().regex(/^(mailto:|https:\/\/)\S+$/).optional() }).optional(),
  /** Where machines elsewhere reach the link listener. */
  linkUrl: z.url({ protocol: /^https?$/ }).optional(),
  /** Address of the link listener. Default: loopback, for a proxy or our own https in front of it. */
  linkListen: z.string().min(1).optional(),
  linkPort: z.number().int().min(0).max(65535).optional(),
  /** Where saved workspaces are kept, and how long. Absent: in the home, for 30 days. `keyFile`: two lines, the access key's id and its secret. */
  backups: z.strictObject({
    keepDays: z.number().min(0).max(3650).optional(),
    s3: z.strictObject({ endpoint: z.url({ protocol: /^https?$/ }), bucket: z.string().min(1), region: z.string().min(1).optional(), prefix: z.string().regex(/^[A-Za-z0-9._/-]*$/).optional(), keyFile: z.string().min(1) }).optional(),
  }).optional(),
  /** Repositories that this server keeps. `url`: a name of their own, such as https://git.example.org, that leads here and serves git alone. */
  hosting: z.strictObject({
    url: z.url({ protocol: /^https?$/ }).optional(),
    repositoryBytes: z.number().int().min(1).optional(), personBytes: z.number().int().min(1).optional(),
    /** One of a task that nobody used for so long is taken away, and its owner told so many days before. */
    unusedDays: z.number().min(0).max(3650).optional(), graceDays: z.number().min(0).max(365).optional(),
  }).optional(),
  databaseUrl: z.string().min(1).optional(),
  /** One of several servers on that database, of which one serves: it waits for its turn. */
  standby: z.boolean().optional(),
  provider: z.string().min(1).optional(),
  /** `base`: previews live below this domain instead of `localhost`; it has a wildcard DNS record. `port`: of their listener. */
  previews: z.strictObject({ base: z.string().min(1).optional(), port: z.number().int().min(0).max(65535).optional() }).optional(),
  /** Our own https. Absent: a proxy in front does it, or nobody. */
  tls: TlsConfig.optional(),
  /** `listen`: `host:port` where /metrics is told to whoever reaches it. Absent: to owners of the server, with a token. */
  metrics: z.strictObject({ listen: z.string().regex(/^.+:\d{1,5}$/) }).optional(),
  /** How long it is said not to be ready before nothing new is taken: as long as a balancer needs to notice. */
  drainNoticeSeconds: z.number().min(0).max(300).optional(),
  /** DNS records that Berth writes. */
  names: z.strictObject({
    /** `zone`: its id. The token stands in a file or in CLOUDFLARE_API_TOKEN. `endpoint`: of another API that speaks the same. */
    /** A record for each named port instead of the wildcard. `target`: an address or a name; absent: the page's name. */
    records: z.strictObject({ target: z.string().min(1).optional(), proxied: z.boolean().optional() }).optional(),
    cloudflare: z.strictObject({ tokenFile: z.string().startsWith('/').optional(), zone: z.string().min(1).optional(), endpoint: z.url({ protocol: /^https?$/ }).optional() }).optional(),
  }).optional(),
  /** The CLI's: which server it speaks to. */
  context: z.string().optional(),
  autoStopMinutes: z.number().min(0).max(60 * 24 * 365).optional(),
  /** Which program is run for an agent, in place of the one that Berth brings. An absolute path inside the machine. */
  agents: z.strictObject({ claude: z.strictObject({ executable: z.string().startsWith('/').optional() }).optional() }).optional(),
})
export type ServerConfig = z.infer<typeof ServerConfig>

export const CONFIG_FILE = 'config.yaml'

export async function readConfig(home: string): Promise<ServerConfig> {
  const path = join(home, CONFIG_FILE)
  const file = Bun.file(path)
  return (await file.exists()) ? parseConfig(await file.text(), path) : {}
}

export function parseConfig(text: string, path: string): ServerConfig {
  return parseSettings(ServerConfig, text, path)
}

/** YAML that keeps to `schema`; throws `config_invalid` naming the line. */
export function parseSettings<S extends z.ZodObject>(schema: S, text: string, path: string): z.infer<S> {
  let value: unknown
  try {
    value = Bun.YAML.parse(text)
  } catch (cause) {
    const line = brokenLine(text)
    throw new BerthError('config_invalid', `${path}, line ${line}: not YAML`, { hint: `correct line ${line}, or remove the file for the defaults`, details: { path, line }, cause })
  }
  const parsed = schema.safeParse(value ?? {})
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  const key = issue?.code === 'unrecognized_keys' ? issue.keys[0] : issue?.path.map(String).join('.')
  const line = lineOf(text, key ?? '')
  const what = issue?.code === 'unrecognized_keys' ? `there is no setting ${key}` : `${key || 'the file'}: ${issue?.message ?? 'not valid'}`
  throw new BerthError('config_invalid', `${path}, line ${line}: ${what}`, { hint: `settings are ${Object.keys(schema.shape).join(', ')}`, details: { path, line } })
}

/** The parser does not say where: the last line whose prefix still made sense is the one before the broken one. */
function brokenLine(text: string): number {
  const lines = text.split('\n')
  for (let count = lines.length - 1; count > 0; count--) if (parses(lines.slice(0, count).join('\n'))) return count + 1
  return 1
}

function parses(text: string): boolean {
  try {
    Bun.YAML.parse(text)
    return true
  } catch {
    return false
  }
}

function lineOf(text: string, key: string): number {
  const first = key.split('.')[0] ?? ''
  const index = text.split('\n').findIndex((line) => line.trimStart().startsWith(`${first}:`))
  return index < 0 ? 1 : index + 1
}
