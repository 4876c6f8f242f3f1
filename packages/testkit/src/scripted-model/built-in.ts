/** Scenarios that tests and people use by name: `[[work]]`, `[[count 50]]`. */
import type { Scenario, Scenarios, ScenarioContext } from './scenario.ts'

const inside = (context: ScenarioContext, name: string): string => (context.cwd === null ? name : `${context.cwd}/${name}`)
const number = (argument: string, otherwise: number, most: number): number => {
  const parsed = Number.parseInt(argument, 10)
  return Number.isFinite(parsed) ? Math.min(Math.max(parsed, 1), most) : otherwise
}

/** Says so, writes hello.txt, runs a command that asks, edits the file, finishes. */
const work: Scenario = (context) => [
  [{ text: 'I will write hello.txt, run a command and edit the file.' }, { tool: 'write', input: { path: inside(context, 'hello.txt'), content: 'alpha\nbeta\n' } }],
  [{ text: 'Now the command.' }, { tool: 'bash', input: { command: 'touch command-ran && cat hello.txt' } }],
  [{ tool: 'edit', input: { path: inside(context, 'hello.txt'), old: 'beta', new: 'gamma' } }],
  [{ text: 'Done: hello.txt says alpha and gamma.' }],
]
/** One command that needs a person. `[[ask name]]` makes the file of that name. */
const ask: Scenario = (context) => [
  [{ text: 'I need to run one command.' }, { tool: 'bash', input: { command: `echo asked >> ${context.argument === '' ? 'asked' : context.argument}` } }],
  [{ text: 'The command was answered.' }],
]
const question: Scenario = () => [
  [{ tool: 'question', input: { questions: [{ question: 'Which database?', header: 'Database', multiSelect: false, options: [{ label: 'Postgres', description: 'a server' }, { label: 'SQLite', description: 'a file' }] }] } }],
  [{ text: 'Thank you for the answer.' }],
]
const plan: Scenario = (context) => [
  [{ text: 'This is my plan.' }, { tool: 'plan', input: { plan: '1. write plan.txt\n2. finish' } }],
  [{ tool: 'write', input: { path: inside(context, 'plan.txt'), content: 'planned\n' } }],
  [{ text: 'The plan is carried out.' }],
]
const todo: Scenario = () => [
  [{ tool: 'todo', input: { todos: [{ content: 'first thing', status: 'completed', activeForm: 'doing the first thing' }, { content: 'second thing', status: 'in_progress', activeForm: 'doing the second thing' }] } }],
  [{ text: 'The list is written.' }],
]
/** A text that takes so many seconds. */
const long: Scenario = ({ argument }) => {
  const pieces = number(argument, 30, 3600) * 4
  return [[{ text: 'word '.repeat(pieces), chunkMs: 250, pieces }]]
}
/** So many numbered messages, a harmless command between any two. */
const count: Scenario = ({ argument }) => {
  const last = number(argument, 10, 10_000)
  return Array.from({ length: last }, (_, at) => (at + 1 === last ? [{ text: `number ${at + 1}` }] : [{ text: `number ${at + 1}` }, { tool: 'bash', input: { command: `echo ${at + 1}` } }]))
}
/** So many commands that need a person, one after another. */
const asks: Scenario = ({ argument }) => {
  const last = number(argument, 10, 10_000)
  return [...Array.from({ length: last }, (_, at) => [{ text: `asking ${at + 1}` }, { tool: 'bash', input: { command: `echo ${at + 1} >> asks.log` }, delayMs: 150 }]), [{ text: 'asked enough' }]]
}
const say: Scenario = ({ argument }) => [[{ text: argument === '' ? 'hello' : argument }]]
const run: Scenario = ({ argument }) => [[{ tool: 'bash', input: { command: argument } }], [{ text: 'The command has run.' }]]
const think: Scenario = () => [[{ thinking: 'Let me see.' }, { text: 'I have thought about it.' }]]
const overloaded: Scenario = ({ argument }) => [[{ http: 529, times: number(argument, 1, 100), words: 'the script refuses this request', headers: { 'retry-after': '0' } }, { text: 'Here again.' }]]
/** Nobody pays any more: no retry helps. */
const inactive: Scenario = () => [[{ http: 403, times: 1000, words: 'Your subscription is inactive.' }]]

export const builtInScenarios: Scenarios = { work, ask, question, plan, todo, long, count, asks, say, run, think, overloaded, inactive }
