/**
 * What our own MCP server offers the agent. The shim tells these to the agent as they stand; the daemon reads what
 * comes of them by `arguments.ts`. No imports at run time: the shim stays beside the agent for as long as it lives.
 */
import type { McpTool } from '@berth/wire/mcp-server'

const text = (description: string, maxLength: number) => ({ type: 'string', minLength: 1, maxLength, description }) as const
const object = (properties: Readonly<Record<string, unknown>>, required: readonly string[]) => ({ type: 'object', properties, required, additionalProperties: false }) as const

export const OWN_TOOLS = [
  {
    name: 'ask_user',
    title: 'Ask the person',
    description: 'Ask the person you work for one question and wait for the answer. They may be away from the screen: it can take minutes or hours, and the call waits for as long. Use it when you cannot go on well without knowing; give options where there are some. They may answer in words of their own.',
    inputSchema: object({
      question: text('One question, complete in itself.', 2000),
      options: { type: 'array', maxItems: 8, items: object({ label: text('What to choose.', 200), description: { type: 'string', maxLength: 500, description: 'What it means.' } }, ['label']) },
      multiple: { type: 'boolean', description: 'More than one option may be chosen.' },
    }, ['question']),
    annotations: { destructiveHint: false, openWorldHint: false },
  },
  {
    name: 'open_preview',
    title: 'Show a preview',
    description: 'Show the person what listens on a port of this machine, such as a dev server you started. Returns the address they open; localhost in this machine is not theirs.',
    inputSchema: object({ port: { type: 'integer', minimum: 1, maximum: 65535, description: 'The port it listens on.' }, label: text('What it is, in a word or two.', 60) }, ['port']),
    annotations: { destructiveHint: false, idempotentHint: true, openWorldHint: false },
  },
  {
    name: 'report_status',
    title: 'Say what you are doing',
    description: 'Set the line that stands beside this workspace in the list of the person you work for. Short, about where you are in the whole task; say it again when that changes.',
    inputSchema: object({ text: text('One short line.', 200) }, ['text']),
    annotations: { destructiveHint: false, idempotentHint: true, openWorldHint: false },
  },
  {
    name: 'request_review',
    title: 'Ask for a review',
    description: 'Tell the person that your work is ready to be reviewed. It does not wait: end your turn afterwards, and what they say comes as the next message.',
    inputSchema: object({ summary: text('What you did and what to look at.', 4000) }, ['summary']),
    annotations: { destructiveHint: false, openWorldHint: false },
  },
  {
    name: 'notify',
    title: 'Notify the person',
    description: 'Send the person a notification on their devices. For what they want to know at once; a few an hour at most.',
    inputSchema: object({ title: text('In a few words.', 100), body: text('What happened.', 400) }, ['title', 'body']),
    annotations: { destructiveHint: false, openWorldHint: false },
  },
] as const satisfies readonly McpTool[]
export type OwnToolName = (typeof OWN_TOOLS)[number]['name']

export const INSTRUCTIONS = 'You work in a machine of your own. The person you work for is elsewhere and sees a page: these tools reach them there.'
