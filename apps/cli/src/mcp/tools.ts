/**
 * What an agent on the person's own machine may do with Berth. Answering an agent's questions is not among it: those
 * are asked so that a person decides.
 */
import type { McpTool } from '@berth/wire/mcp-server'
import { WRITE_LIMIT_BYTES } from '@berth/wire/files-methods'
import { z } from 'zod'

const workspace = z.string().min(1).max(100).describe('Name or id of the workspace, as list_workspaces says it.')
const path = z.string().min(1).max(4096).describe('Below the root of the code.')
const Only = z.strictObject({ workspace })

export const INPUTS = {
  list_workspaces: z.strictObject({}),
  create_workspace: z.strictObject({
    source: z.string().min(1).max(2048).describe('A directory of this machine, or a git url.'),
    name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,38}$/).optional(),
    branch: z.string().min(1).max(255).optional().describe('Branch or commit of a git url.'),
    prompt: z.string().min(1).max(64 * 1024).optional().describe('The first thing to say to its agent.'),
  }),
  send_prompt: z.strictObject({ workspace, text: z.string().min(1).max(256 * 1024) }),
  read_events: z.strictObject({
    workspace,
    after: z.int().min(0).optional().describe('The `next` of the call before; absent: the newest ones.'),
    limit: z.int().min(1).max(200).optional(),
    waitSeconds: z.int().min(0).max(50).optional().describe('How long to wait for something new when there is nothing yet.'),
  }),
  waiting_questions: z.strictObject({ workspace: workspace.optional() }),
  get_diff: z.strictObject({ workspace, only: z.enum(['patch', 'stat']).optional() }),
  list_files: z.strictObject({ workspace, dir: z.string().max(4096).optional(), query: z.string().max(200).optional().describe('Find files anywhere by a part of their path.') }),
  read_file: z.strictObject({ workspace, path }),
  write_file: z.strictObject({ workspace, path, text: z.string().max(WRITE_LIMIT_BYTES), expect: z.string().regex(/^[0-9a-f]{64}$/).nullable().describe('The sha256 that read_file gave; null for a new file.') }),
  apply_edit: z.strictObject({ workspace, path, old: z.string().min(1).max(64 * 1024).describe('What stands there, exactly, and once.'), new: z.string().max(64 * 1024) }),
  start_workspace: Only,
  stop_workspace: Only,
  delete_workspace: z.strictObject({ workspace, confirm: z.string().max(100).describe('The name of the workspace once more: its machine, disk and conversation are lost.') }),
} as const satisfies Record<string, z.ZodType>
export type ToolName = keyof typeof INPUTS
export type InputOf<T extends ToolName> = z.output<(typeof INPUTS)[T]>

const READS = { readOnlyHint: true, openWorldHint: false } as const
const CHANGES = { destructiveHint: false, openWorldHint: false } as const
const WORDS: Record<ToolName, { title: string; description: string; annotations: NonNullable<McpTool['annotations']> }> = {
  list_workspaces: { title: 'List workspaces', description: 'The workspaces: each is a machine with code and an agent that works in it.', annotations: READS },
  create_workspace: { title: 'Create a workspace', description: 'Give an agent a machine of its own with this code. A directory is sent as it is, with uncommitted changes. Returns when the code is sent; the machine starts meanwhile.', annotations: CHANGES },
  send_prompt: { title: 'Send a message to the agent', description: 'Say something to the agent of a workspace; a workspace that sleeps wakes. What comes of it is in read_events.', annotations: CHANGES },
  read_events: { title: 'Read what happened', description: 'What happened in a workspace, oldest first: messages, calls of tools, questions, the end of turns.', annotations: READS },
  waiting_questions: { title: 'Questions that wait', description: 'What agents wait for a person to answer. Only a person can answer: tell them, with the address.', annotations: READS },
  get_diff: { title: 'Read the changes', description: 'What changed in the code of a workspace since its beginning, as a patch or as counts.', annotations: READS },
  list_files: { title: 'List files', description: 'A directory of the code of a workspace, or the files that fit a query.', annotations: READS },
  read_file: { title: 'Read a file', description: 'A file of the code of a workspace, with the sha256 that write_file wants.', annotations: READS },
  write_file: { title: 'Write a file', description: 'Write a whole file into a workspace, as its agent would. Refused when the file is another than the one that was read.', annotations: { destructiveHint: true, openWorldHint: false } },
  apply_edit: { title: 'Edit a file', description: 'Replace a piece of a file of a workspace that stands there exactly once.', annotations: { destructiveHint: true, openWorldHint: false } },
  start_workspace: { title: 'Start a workspace', description: 'Start the machine of a workspace, or wake it.', annotations: CHANGES },
  stop_workspace: { title: 'Stop a workspace', description: 'Save the work and stop the machine. Its disk is kept.', annotations: CHANGES },
  delete_workspace: { title: 'Delete a workspace', description: 'Delete a workspace with its machine, its disk and its conversation, for ever. Only when the person asked for that.', annotations: { destructiveHint: true, openWorldHint: false } },
}

export function offeredTools(): McpTool[] {
  return Object.entries(WORDS).map(([name, words]) => {
    // The names are those of the inputs: one table is typed by the other.
    const { $schema: _, ...inputSchema } = z.toJSONSchema(INPUTS[name as ToolName], { io: 'input' })
    return { name, ...words, inputSchema }
  })
}
