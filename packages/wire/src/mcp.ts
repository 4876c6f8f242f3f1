/**
 * Servers of the Model Context Protocol that a workspace's agent is given. No value of theirs is a secret: secrets are
 * variables of the workspace, and stand here by their names, `${NAME}`.
 */
import { z } from 'zod'

export const MCP_SERVERS_LIMIT = 16
/** The name of our own, in which the agent finds `ask_user` and its like. */
export const OWN_MCP_NAME = 'berth'

/** As every agent takes it; some make `server__tool` of it. */
export const McpName = z.string().regex(/^[A-Za-z0-9](?:[A-Za-z0-9_-]{0,38}[A-Za-z0-9])?$/, 'letters, digits, dashes and underscores, at most 40').refine((name) => name !== OWN_MCP_NAME && !name.includes('__'), 'that name is taken')
const Variable = z.string().max(200).regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'the name of a variable')
/** Seen by every process of the machine, so no variable is put into it. */
const Word = z.string().min(1).max(4096).refine((word) => !REFERENCE.test(word), 'a command line is seen by every process: give the value by `env`')
/** Text with `${NAME}` in it. */
const Template = z.string().max(8192)
const REFERENCE = /\$\{([A-Za-z_][A-Za-z0-9_]*)\}/

export const McpServer = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('stdio'), name: McpName, command: Word, args: z.array(z.string().max(4096).refine((word) => !REFERENCE.test(word), 'a command line is seen by every process: give the value by `env`')).max(64).default([]), env: z.record(Variable, Template).default({}) }),
  z.object({ kind: z.literal('http'), name: McpName, url: z.url({ protocol: /^https?$/ }).max(2048), headers: z.record(z.string().max(200).regex(/^[A-Za-z0-9-]+$/, 'the name of a header'), Template).default({}) }),
])
export type McpServer = z.infer<typeof McpServer>

/** What an agent is given. `own`: our server too. */
export const McpSetup = z.object({
  servers: z.array(McpServer).max(MCP_SERVERS_LIMIT).refine((servers) => new Set(servers.map(({ name }) => name.toLowerCase())).size === servers.length, 'two servers of one name').default([]),
  own: z.boolean().default(true),
})
export type McpSetup = z.infer<typeof McpSetup>
export const DEFAULT_MCP: McpSetup = { servers: [], own: true }

type Templates = Readonly<Record<string, string>>
const templatesOf = (server: McpServer): Templates => (server.kind === 'stdio' ? server.env : { ...server.headers, url: server.url })

/** The variables that are asked for. */
export function referencesOf(server: McpServer): string[] {
  return [...new Set(Object.values(templatesOf(server)).flatMap((text) => [...text.matchAll(new RegExp(REFERENCE, 'g'))].map(([, name = '']) => name)))]
}

/** Each `${NAME}` becomes what `of` makes of the name. */
export function fillReferences(text: string, of: (name: string) => string): string {
  return text.replaceAll(new RegExp(REFERENCE, 'g'), (_, name: string) => of(name))
}

export const McpFileEntry = z.looseObject({
  command: z.string().optional(), args: z.array(z.string()).optional(), env: z.record(z.string(), z.string()).optional(),
  url: z.string().optional(), httpUrl: z.string().optional(), serverUrl: z.string().optional(), headers: z.record(z.string(), z.string()).optional(), type: z.string().optional(),
})
/** The file that people have of their servers: `mcpServers` of most clients, `servers` of VS Code. */
export const McpFile = z.union([
  z.looseObject({ mcpServers: z.record(z.string(), McpFileEntry) }),
  z.looseObject({ servers: z.record(z.string(), McpFileEntry) }).transform(({ servers }) => ({ mcpServers: servers })),
])
/** The entries of such a file, whatever each is. */
export const McpEntries = z.union([
  z.looseObject({ mcpServers: z.record(z.string(), z.unknown()) }).transform(({ mcpServers }) => mcpServers),
  z.looseObject({ servers: z.record(z.string(), z.unknown()) }).transform(({ servers }) => servers),
])
