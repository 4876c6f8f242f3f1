/** The program's list of tasks, which it changes one by one; who looks from afar is told the whole of it. */
import type { SessionId } from '@berth/wire'
import { z } from 'zod'
import type { Journal } from '../../../contracts.ts'
import type { Fact } from './transcript.ts'

const Task = z.object({ id: z.string(), text: z.string(), status: z.enum(['pending', 'in_progress', 'completed']) })
type Task = z.infer<typeof Task>
const Update = z.object({ taskId: z.string().max(40), status: z.enum(['pending', 'in_progress', 'completed', 'deleted']).optional().catch(undefined), subject: z.string().optional().catch(undefined) })
const CREATED = /^Task #(\S{1,40}) created successfully: ([^\n]+)/
/** More than anybody keeps, less than a hostile agent could write. */
const TASKS_LIMIT = 200
const TEXT_LIMIT = 500

export interface TaskList { onFact(fact: Fact): void }

export function createTaskList({ journal, sessionId }: { journal: Journal; sessionId: SessionId }): TaskList {
  const name = `tasks.${sessionId}`
  const stored = journal.get(name)
  let tasks: readonly Task[] = stored === null ? [] : z.array(Task).parse(JSON.parse(stored))
  return {
    onFact(fact) {
      if (fact.kind === 'command' && fact.text === '/clear') {
        tasks = []
        journal.set(name, null)
      }
      const next = after(tasks, fact)
      if (next === tasks || fact.kind !== 'event') return
      tasks = next
      journal.set(name, JSON.stringify(tasks))
      journal.append({ type: 'plan', sessionId, entries: tasks.map(({ text, status }) => ({ text, status })) }, { key: `${fact.key}.plan` })
    },
  }
}

/** The same list when nothing changed. Pure. */
export function after(tasks: readonly Task[], fact: Fact): readonly Task[] {
  if (fact.kind !== 'event' || fact.body.type !== 'tool') return tasks
  const { name, input, output, status } = fact.body
  const [, id, text = ''] = status === 'completed' ? (CREATED.exec(output ?? '') ?? []) : []
  // A result does not say what was called; its words are the program's own.
  if (id !== undefined) return tasks.some((task) => task.id === id) ? tasks : [...tasks, { id, text: text.slice(0, TEXT_LIMIT), status: 'pending' as const }].sort(byId).slice(-TASKS_LIMIT)
  const update = name === 'TaskUpdate' && input !== null ? Update.safeParse(input) : null
  if (update?.success !== true || !tasks.some((task) => task.id === update.data.taskId)) return tasks
  const { taskId, status: to, subject } = update.data
  if (to === 'deleted') return tasks.filter((task) => task.id !== taskId)
  return tasks.map((task) => (task.id === taskId ? { ...task, status: to ?? task.status, text: subject?.slice(0, TEXT_LIMIT) ?? task.text } : task))
}

const byId = (one: Task, other: Task): number => one.id.localeCompare(other.id, 'en', { numeric: true })
