import { useSignal } from '@preact/signals'
import type { ApprovalAsk, Decision } from '@berth/wire'
import { inert } from './inert.ts'

interface Question { question: string; multiSelect: boolean; options: { label: string; description: string }[] }

/** The agent's own choices; an answer travels as the tool's input, with `answers` by question. */
export function QuestionForm({ ask, sending, decide }: { ask: ApprovalAsk; sending: boolean; decide: (decision: Omit<Decision, 'scope'>) => Promise<void> }) {
  const questions = readQuestions(ask.input)
  const answers = useSignal<Record<string, string[]>>({})
  const choose = ({ question, multiSelect }: Question, label: string, chosen: boolean) => {
    const before = multiSelect ? (answers.value[question] ?? []).filter((other) => other !== label) : []
    answers.value = { ...answers.value, [question]: chosen ? [...before, label] : before }
  }
  const complete = questions.every(({ question }) => (answers.value[question] ?? []).length > 0)
  const send = () => decide({ behavior: 'allow', updatedInput: { ...ask.input, answers: Object.fromEntries(Object.entries(answers.value).map(([question, labels]) => [question, labels.join(', ')])) } })
  return (
    <form onSubmit={(event) => { event.preventDefault(); if (complete) void send() }}>
      {questions.map((question, index) => (
        <fieldset key={index} class="options">
          <legend class={questions.length === 1 ? 'unseen' : ''}>{inert(question.question)}</legend>
          {question.options.map(({ label, description }) => (
            <label key={label}>
              <input type={question.multiSelect ? 'checkbox' : 'radio'} name={`${ask.approvalId}-${index}`} onChange={(event) => choose(question, label, event.currentTarget.checked)} />
              <span>{inert(label)}{description !== '' && <span class="meta">{inert(description)}</span>}</span>
            </label>
          ))}
        </fieldset>
      ))}
      <div class="acts">
        <button type="button" class="deny" disabled={sending} onClick={() => void decide({ behavior: 'deny' })}>Decline</button>
        <button type="submit" class="allow" disabled={sending || !complete}>Answer</button>
      </div>
    </form>
  )
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
