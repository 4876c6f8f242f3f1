/** Servers of the Model Context Protocol as people have them, made with its official SDK. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js'
import { z } from 'zod'
import { root } from '../product.ts'

export const NOTES_FILE = 'notes-server.js'
/** It says back what it was told, and the secret it was started with. */
const NOTES = `
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js'
import { z } from 'zod'
const server = new McpServer({ name: 'notes', version: '1' })
server.registerTool('add_note', { description: 'write a note down', inputSchema: { text: z.string() } }, async ({ text }) => ({ content: [{ type: 'text', text: 'noted ' + text + ' with ' + process.env.NOTES_TOKEN }] }))
await server.connect(new StdioServerTransport())
`

/** One file that any node runs. */
export async function notesServer(): Promise<string> {
  // Beside the packages it is made of.
  const dir = mkdtempSync(join(root, 'e2e/.notes-'))
  try {
    writeFileSync(join(dir, 'notes.ts'), NOTES)
    const built = await Bun.build({ entrypoints: [join(dir, 'notes.ts')], target: 'node', minify: true })
    return await (built.outputs[0]?.text() ?? '')
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

export interface WeatherServer { readonly port: number; /** What callers said in their header. */ readonly keys: (string | null)[]; close(): Promise<void> }
/** Streamable HTTP, a server for each request, as its stateless examples have it. */
export function startWeatherServer(): WeatherServer {
  const keys: (string | null)[] = []
  const listener = Bun.serve({
    hostname: '127.0.0.1', port: 0, idleTimeout: 0,
    async fetch(request) {
      keys.push(request.headers.get('x-weather-key'))
      const server = new McpServer({ name: 'weather', version: '1' })
      server.registerTool('forecast', { description: 'the weather of tomorrow', inputSchema: { place: z.string() } }, async ({ place }) => ({ content: [{ type: 'text', text: `rain in ${place}` }] }))
      const transport = new WebStandardStreamableHTTPServerTransport({ enableJsonResponse: true })
      await server.connect(transport)
      return transport.handleRequest(request)
    },
  })
  return { port: listener.port ?? 0, keys, close: () => listener.stop(true) }
}

export function scratch(): { dir: string; remove(): void } {
  const dir = mkdtempSync(join(tmpdir(), 'berth-mcp-'))
  return { dir, remove: () => { rmSync(dir, { recursive: true, force: true }) } }
}
