import { useSignal } from '@preact/signals'
import type { ApprovalAsk, Decision } from '@berth/wire'
import { inert } from '../ui/inert.ts'

interface Question { question: string; multiSelect: boolean; options: { label: string; description: string }[] }
interface FormProps { readonly ask: Pick<ApprovalAsk, 'approvalId' | 'input'>; readonly off: boolean; answer(decision: Decision): Promise<void> }

/** The agent's own choices, or words of one's own; an answer travels as the tool's input, with `answers` by question. */
export function QuestionForm({ ask, off, answer }: FormProps) {
  const questions = readQuestions(ask.input)
  // By their place: the agent chose the words, and two may be the same.
  const answers = useSignal<readonly (readonly string[])[]>([])
  const own = useSignal<readonly string[]>([])
  const choose = (at: number, label: string, chosen: boolean) => {
    const several = questions[at]?.multiSelect === true
    const before = several ? (answers.value[at] ?? []).filter((other) => other !== label) : []
    answers.value = put(answers.value, at, chosen ? [...before, label] : before)
    if (!several) own.value = put(own.value, at, '')
  }
  const write = (at: number, text: string) => {
    own.value = put(own.value, at, text)
    if (questions[at]?.multiSelect !== true && text.trim() !== '') answers.value = put(answers.value, at, [])
  }
  const given = (at: number) => [...(answers.value[at] ?? []), own.value[at]?.trim() ?? ''].filter((text) => text !== '')
  const complete = questions.length > 0 && questions.every((_, at) => given(at).length > 0)
  const send = () => answer({ behavior: 'allow', scope: 'once', updatedInput: { ...ask.input, answers: Object.fromEntries(questions.map(({ question }, at) => [question, given(at).join(', ')])) } })
  return (
    <form onSubmit={(event) => { event.preventDefault(); if (complete) void send() }}>
      {questions.map((question, index) => (
        <fieldset key={index} class="options">
          <legend class={questions.length === 1 ? 'unseen' : ''}>{inert(question.question)}</legend>
          {question.options.map(({ label, description }) => (
            <label key={label}>
              <input type={question.multiSelect ? 'checkbox' : 'radio'} name={`${ask.approvalId}-${index}`} checked={(answers.value[index] ?? []).includes(label)} onChange={(event) => choose(index, label, event.currentTarget.checked)} />
              <span>{inert(label)}{description !== '' && <span class="meta">{inert(description)}</span>}</span>
            </label>
          ))}
          <input class="own" type="text" aria-label="An answer of your own" placeholder="Something else…" maxLength={2000} value={own.value[index] ?? ''} onInput={(event) => write(index, event.currentTarget.value)} />
        </fieldset>
      ))}
      <div class="acts">
        <button type="button" class="deny" disabled={off} onClick={() => void answer({ behavior: 'deny', scope: 'once' })}>Decline</button>
        <button type="submit" class="allow" disabled={off || !complete}>Answer</button>
      </div>
    </form>
  )
}

function put<T>(list: readonly T[], at: number, value: T): T[] {
  const next = [...list]
  next[at] = value
  return next
}

/** What is no question of the known form is left out; the title still says what was asked. */
function readQuestions(input: Readonly<Record<string, unknown>>): Question[] {
  const list = input['questions']
  if (!Array.isArray(list)) return []
  return list.flatMap((entry: unknown): Question[] => {
    const { question, multiSelect, options } = fields(entry)
    if (typeof question !== 'string' || !Array.isArray(options)) return []
    const known = options.map(fields).flatMap(({ label, description }) => (typeof label === 'string' ? [{ label, description: typeof description === 'string' ? description : '' }] : []))
    return [{ question, multiSelect: multiSelect === true, options: known }]
  })
}

function fields(value: unknown): Record<string, unknown> {
  // A record of unknowns promises nothing about any field.
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}
