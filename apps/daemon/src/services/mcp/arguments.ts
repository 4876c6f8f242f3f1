/** What the agent says to our tools, read strictly. `tools.ts` tells it the same as JSON Schema; a test compares the two. */
import { z } from 'zod'
import type { OwnToolName } from './tools.ts'

const text = (most: number) => z.string().trim().min(1).max(most)

export const ARGUMENTS = {
  ask_user: z.strictObject({
    question: text(2000),
    options: z.array(z.strictObject({ label: text(200), description: z.string().max(500).optional() })).max(8).optional(),
    multiple: z.boolean().optional(),
  }),
  open_preview: z.strictObject({ port: z.int().min(1).max(65535), label: text(60).optional() }),
  report_status: z.strictObject({ text: text(200) }),
  request_review: z.strictObject({ summary: text(4000) }),
  notify: z.strictObject({ title: text(100), body: text(400) }),
} as const satisfies Record<OwnToolName, z.ZodType>
export type ArgumentsOf<T extends OwnToolName> = z.output<(typeof ARGUMENTS)[T]>

/** One line that says what is wrong, for the model to read. */
export function whatIsWrong(error: z.ZodError): string {
  return error.issues.slice(0, 5).map(({ path, message }) => `${path.join('.') || 'arguments'}: ${message}`).join('; ')
}
