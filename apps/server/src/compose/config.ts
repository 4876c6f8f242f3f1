/** `<home>/config.yaml`: optional, read once at start. Options given on the command line win. */
import { join } from 'node:path'
import { BerthError } from '@berth/wire'
import { z } from 'zod'

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
  linkPort: z.number().int().min(0).max(65535).optional(),
  databaseUrl: z.string().min(1).optional(),
  provider: z.string().min(1).optional(),
  /** `base`: previews live below this domain instead of `localhost`; it has a wildcard DNS record. `port`: of their listener. */
  previews: z.strictObject({ base: z.string().min(1).optional(), port: z.number().int().min(0).max(65535).optional() }).optional(),
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
