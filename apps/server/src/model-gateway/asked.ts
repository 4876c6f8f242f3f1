/** What a call asks of its model, as far as its cost depends on it. The body goes on as it is; this reads a copy. */
import { z } from 'zod'
import { estimatedTokens } from '@berth/core'
import type { ModelVendor } from '@berth/wire/model-access'

export interface AskedCall {
  readonly model: string
  readonly inputTokens: number
  /** What it may write at most; for who says nothing, what is put aside for it. */
  readonly maxOutputTokens: number
}
/** Longer answers are put aside for no more than this; they are counted as they come. */
const PUT_ASIDE_TOKENS = 32_000
const limit = z.number().int().positive().optional().catch(undefined)
const Body = z.looseObject({
  model: z.string().max(200).optional().catch(undefined),
  max_tokens: limit, max_output_tokens: limit, max_completion_tokens: limit,
  generationConfig: z.looseObject({ maxOutputTokens: limit }).optional().catch(undefined),
})
/** A picture, a document: counted as a picture costs, not by its bytes. */
const BLOB = /"[A-Za-z0-9+/]{4096,}={0,2}"/g
const BLOB_TOKENS = 1600
const TOKENS_OF_NOTHING = 8

export function askedBy(vendor: ModelVendor, path: string, body: Uint8Array): AskedCall {
  const text = new TextDecoder().decode(body)
  let blobs = 0
  const words = body.length < 4096 ? text : text.replaceAll(BLOB, () => { blobs++; return '""' })
  const said = Body.safeParse(parsed(text)).data
  const most = said?.max_tokens ?? said?.max_output_tokens ?? said?.max_completion_tokens ?? said?.generationConfig?.maxOutputTokens ?? PUT_ASIDE_TOKENS
  return {
    // Gemini names the model in the path.
    model: (vendor === 'gemini' ? /\/models\/([^/:]+)/.exec(path)?.[1] : said?.model) ?? 'unknown',
    inputTokens: TOKENS_OF_NOTHING + estimatedTokens(Buffer.byteLength(words)) + blobs * BLOB_TOKENS,
    maxOutputTokens: Math.min(most, PUT_ASIDE_TOKENS),
  }
}
function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return {}
  }
}
