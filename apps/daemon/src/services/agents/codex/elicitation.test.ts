import { expect, it } from 'bun:test'
import { readElicitation } from './elicitation.ts'
import type { Item } from './messages.ts'

const call = (id: string, server: string, status = 'inProgress'): Item => ({ type: 'mcpToolCall', id, server, tool: 'add_note', arguments: { text: id }, status })
const known = (items: readonly Item[], asked: readonly string[] = []) => ({ rpcId: 7, itemId: null, items: new Map(items.map((item) => [item.id, item])), isAsked: (itemId: string) => asked.includes(itemId) })
const params = { threadId: 't', serverName: 'notes', mode: 'form', message: 'Allow it?', requestedSchema: { type: 'object', properties: {} }, _meta: { codex_approval_kind: 'mcp_tool_call' } }

it("is about the server's call that runs and was not asked about yet", () => {
  const items = [call('a', 'notes', 'completed'), call('b', 'notes'), call('c', 'notes'), call('d', 'other')]
  expect(readElicitation(params, known(items))).toEqual({ requestId: 'c', tool: 'notes.add_note', input: { text: 'c' }, toolCallId: 'c' })
  expect(readElicitation(params, known(items, ['c']))).toMatchObject({ requestId: 'b' })
  // Said again after the daemon was away, it is the same question.
  expect(readElicitation(params, { ...known(items, ['b']), itemId: 'b' })).toMatchObject({ requestId: 'b' })
})

it("is a server's own question where no call of it runs, and words where it has fields", () => {
  expect(readElicitation({ ...params, mode: 'url', url: 'https://example.com/agree', requestedSchema: undefined }, known([call('d', 'other')]))).toEqual({ requestId: 'elicitation.7', tool: 'notes', input: { message: 'Allow it?', url: 'https://example.com/agree' }, toolCallId: null })
  expect(readElicitation({ ...params, requestedSchema: { type: 'object', properties: { name: { type: 'string' } } } }, known([]))).toEqual({ form: "notes asks at codex's own screen (`berth attach`): Allow it?" })
  expect(readElicitation({ threadId: 't' }, known([]))).toBeNull()
})
