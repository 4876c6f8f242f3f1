/** What an event says of a call or a message: short enough to keep, whole enough to judge. */
import { z } from 'zod'

const INPUT_TEXT_LIMIT = 8 * 1024

/** One line a person can judge: the command, the file, the first question. */
export function titleOf(name: string, input: Readonly<Record<string, unknown>>): string {
  const main = ['command', 'file_path', 'path', 'url', 'pattern', 'description', 'plan'].map((key) => input[key]).find((value) => typeof value === 'string')
  const question = z.object({ questions: z.array(z.object({ question: z.string() })).min(1) }).safeParse(input)
  const subject = question.success ? question.data.questions[0]?.question : typeof main === 'string' ? main : ''
  return cut(`${name}${subject === undefined || subject === '' ? '' : `: ${subject.replaceAll(/\s+/g, ' ')}`}`, 300)
}
export function cut(text: string, limit: number): string {
  if (text.length <= limit) return text
  const half = Math.floor(limit / 2)
  return `${text.slice(0, half)}\n… ${text.length - 2 * half} characters left out …\n${text.slice(-half)}`
}
/** Long texts of an input are cut one by one, so that it stays what it is. */
export function cutInput(input: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(input).map(([key, value]) => [key, typeof value === 'string' ? cut(value, INPUT_TEXT_LIMIT) : value]))
}
