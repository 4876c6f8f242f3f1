/**
 * What the world refused, in a form every process can branch on and every person can read.
 * Callers branch on `code`; people read `message` (what happened) and `hint` (what to do).
 */
import { z } from 'zod'
import { ERROR_CODES } from './berth-error.ts'

export { BerthError, ERROR_CODES, exitCode, HTTP_STATUS } from './berth-error.ts'

export const ErrorCode = z.enum(ERROR_CODES)
export type ErrorCode = z.infer<typeof ErrorCode>

export const ErrorBody = z.object({
  code: ErrorCode.catch('internal'),
  message: z.string(),
  hint: z.string().optional(),
  /** Facts a program may want: who decided first, which names matched, where the log is. Never a secret. */
  details: z.record(z.string(), z.unknown()).optional(),
})
export type ErrorBody = z.infer<typeof ErrorBody>
