import { expect, test } from 'bun:test'
import { objectOf, questionOf, toolWords } from './tool-words.ts'

test('the tools of our own server are said in words, however an agent names them', () => {
  for (const name of ['mcp__berth__notify', 'mcp_berth_notify', 'berth_notify', 'berth.notify', 'berth/notify']) expect(toolWords(name)).toMatchObject({ verb: 'Told you', doing: 'Telling you' })
  expect(['ask_user', 'ask_person', 'open_preview', 'request_review', 'report_status'].map((tool) => toolWords(`mcp__berth__${tool}`).verb)).toEqual(['Asked you', 'Asked you', 'Opened a preview', 'Asked for a review', 'Reported'])
  expect(objectOf('mcp__berth__notify', 'mcp__berth__notify')).toBe('')
})

test("another server's tool is named with its server, and a name that an agent chose stays text", () => {
  expect(toolWords('mcp__notes__add_note').verb).toBe('notes: add_note')
  expect(toolWords('mcp__berth__list_workspaces').verb).toBe('berth: list_workspaces')
  for (const name of ['constructor', 'mcp__berth__constructor', 'mcp__x', 'berth_', 'Frobnicate']) expect(toolWords(name).icon).toBe('i-run')
  expect(toolWords('mcp__a\u202eb__c').verb).toBe('a⟨U+202E⟩b: c')
})

test('a tool of somebody’s server is asked about by the names of both', () => {
  const ask = { kind: 'permission' as const, tool: 'mcp__weather__forecast', title: 'mcp__weather__forecast', input: { place: 'Bremen' }, cwd: null }
  expect(questionOf(ask)).toBe('Use weather: forecast?')
})
