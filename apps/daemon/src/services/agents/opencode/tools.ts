/** opencode's tools under the names people know, and what they changed. */
import type { FileDiff } from '@berth/wire'
import type { ToolReport } from '../conversation/contracts.ts'
import { diffOf, diffOfPatch } from '../conversation/diff.ts'
import type { Part, Question } from './messages.ts'

const NAMES: Readonly<Record<string, string>> = {
  bash: 'Bash', write: 'Write', edit: 'Edit', patch: 'Edit', apply_patch: 'Edit', multiedit: 'MultiEdit', read: 'Read', grep: 'Grep', glob: 'Glob', list: 'LS',
  webfetch: 'WebFetch', websearch: 'WebSearch', todowrite: 'TodoWrite', task: 'Task', question: 'AskUserQuestion',
}
const STATUS: Readonly<Record<string, NonNullable<ToolReport['status']>>> = { pending: 'pending', running: 'running', completed: 'completed', error: 'failed' }

export const nameOf = (tool: string): string => NAMES[tool] ?? tool
export function inputOf(input: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { filePath, diff: _diff, ...rest } = input
  return { ...rest, ...(filePath === undefined ? {} : { file_path: filePath }) }
}

/** Null: not a call. `denied`: a person turned it down, which the agent reports as a failure. */
export function toolReport({ callID, tool, state }: Part, denied: boolean): ToolReport | null {
  if (callID === undefined || tool === undefined || state === undefined) return null
  const input = inputOf(state.input ?? {})
  const output = state.output ?? state.error
  return {
    toolCallId: callID, name: nameOf(tool), input, status: state.status === 'error' && denied ? 'denied' : (STATUS[state.status] ?? 'running'),
    ...(output === undefined ? {} : { output }), diffs: state.status === 'completed' ? diffsOf(tool, input, state.metadata) : [],
  }
}
function diffsOf(tool: string, input: Readonly<Record<string, unknown>>, metadata: { diff?: string | undefined; exists?: boolean | undefined } = {}): FileDiff[] {
  const path = typeof input['file_path'] === 'string' ? input['file_path'] : tool
  const patch = (metadata.diff ?? '').split('\n').filter((line) => !/^(Index: |=====)/.test(line)).join('\n')
  if (patch !== '') return [diffOfPatch(path, patch)]
  return tool === 'write' && metadata.exists === false && typeof input['content'] === 'string' ? [diffOf(path, null, input['content'])] : []
}

/** As the people's clients know questions, whoever asks. */
export function questionsOf({ questions }: Question): Record<string, unknown> {
  return { questions: questions.map(({ question, header, multiple, options }) => ({ question, header: header ?? question.slice(0, 12), multiSelect: multiple === true, options: options.map(({ label, description }) => ({ label, description: description ?? '' })) })) }
}
/** One list of labels for each question. */
export function answersOf({ questions }: Question, input: Readonly<Record<string, unknown>>): string[][] {
  const given = typeof input['answers'] === 'object' && input['answers'] !== null ? (input['answers'] as Readonly<Record<string, unknown>>) : {}
  return questions.map(({ question, multiple, options }) => {
    const answer = given[question]
    if (Array.isArray(answer)) return answer.map(String)
    if (typeof answer !== 'string') return []
    // Several labels come as one text; one label may have a comma in it.
    return multiple === true && !options.some(({ label }) => label === answer) ? answer.split(', ') : [answer]
  })
}
