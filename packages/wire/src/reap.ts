/** What `reap` of the server's process prints: the CLI that started it reads it. */
import { z } from 'zod'

export const ReapedAlone = z.object({
  installations: z.array(z.string()),
  providers: z.array(z.object({ name: z.string(), installation: z.string(), looked: z.boolean(), complete: z.boolean(), detail: z.string(), hint: z.string().nullable() })),
  found: z.array(z.object({
    key: z.string(), provider: z.string(), kind: z.string(), name: z.string(), workspaceId: z.string(), generation: z.number(), installation: z.string(),
    state: z.string().nullable(), createdAt: z.number(), currency: z.string().nullable(), microsPerHour: z.number().nullable(),
  })),
  removed: z.array(z.string()),
  failed: z.array(z.object({ key: z.string(), message: z.string() })),
})
export type ReapedAlone = z.infer<typeof ReapedAlone>
