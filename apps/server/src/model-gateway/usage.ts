/**
 * What an answer of a model used, read from a copy of its bytes. Answers are the vendors' (server-sent events, or one
 * JSON object): unknown lines and fields are passed over, and a number that is not there counts as nothing.
 */
import { z } from 'zod'
import { costMicrosOf } from '@berth/wire/model-prices'
import type { ModelUsage, ModelVendor } from '@berth/wire/model-access'

export type Used = Omit<ModelUsage, 'workspaceId' | 'vendor'>
export interface UsageReader {
  read(bytes: Uint8Array): void
  /** Null: the answer did not say. */
  end(): Used | null
}

/** Of one line or one object; what is longer is not looked into. */
const LOOK_LIMIT = 8 * 1024 * 1024
const n = z.number().int().nonnegative().catch(0)
const Anthropic = z.looseObject({ input_tokens: n.optional(), output_tokens: n.optional(), cache_read_input_tokens: n.nullish(), cache_creation_input_tokens: n.nullish(), cache_creation: z.looseObject({ ephemeral_1h_input_tokens: n.optional() }).nullish().catch(null) })
const OpenAi = z.looseObject({
  input_tokens: n.optional(), output_tokens: n.optional(), input_tokens_details: z.looseObject({ cached_tokens: n.optional() }).nullish().catch(null),
  prompt_tokens: n.optional(), completion_tokens: n.optional(), prompt_tokens_details: z.looseObject({ cached_tokens: n.optional() }).nullish().catch(null),
})
const Gemini = z.looseObject({ promptTokenCount: n.optional(), candidatesTokenCount: n.optional(), thoughtsTokenCount: n.optional(), cachedContentTokenCount: n.optional() })
const Inner = z.looseObject({ usage: z.unknown().optional(), model: z.string().optional().catch(undefined) }).nullish().catch(null)
const Message = z.looseObject({ usage: z.unknown().optional(), usageMetadata: z.unknown().optional(), model: z.string().optional().catch(undefined), modelVersion: z.string().optional().catch(undefined), message: Inner, response: Inner })

interface Counted { model: string; input: number; output: number; cacheRead: number; cacheWrite: number; cacheWriteHour: number }

export function createUsageReader(vendor: ModelVendor, contentType: string, asked: string): UsageReader {
  const decoder = new TextDecoder()
  const isStream = contentType.startsWith('text/event-stream')
  const counted: Counted = { model: asked, input: 0, output: 0, cacheRead: 0, cacheWrite: 0, cacheWriteHour: 0 }
  let rest = ''
  let found = false
  const look = (text: string): void => {
    if (!text.includes('"usage')) return
    const message = parsed(text)
    if (message === null) return
    counted.model = message.message?.model ?? message.response?.model ?? message.model ?? message.modelVersion ?? counted.model
    for (const usage of [message.message?.usage, message.response?.usage, message.usage, message.usageMetadata]) if (usage !== undefined && usage !== null) found = COUNT[vendor](counted, usage) || found
  }
  return {
    read(bytes) {
      rest += decoder.decode(bytes, { stream: true })
      if (isStream) {
        const lines = rest.split('\n')
        rest = lines.pop() ?? ''
        for (const line of lines) if (line.startsWith('data:')) look(line.slice(5))
      }
      if (rest.length > LOOK_LIMIT) rest = ''
    },
    end() {
      look(isStream ? rest.replace(/^data:/, '') : rest)
      return found ? total(vendor, counted) : null
    },
  }
}

/** Streams say a number again as it grows: the last one counts. */
const COUNT: Readonly<Record<ModelVendor, (counted: Counted, usage: unknown) => boolean>> = {
  anthropic(counted, usage) {
    const said = Anthropic.safeParse(usage)
    if (!said.success) return false
    const hour = said.data.cache_creation?.ephemeral_1h_input_tokens ?? 0
    if (said.data.input_tokens !== undefined) counted.input = said.data.input_tokens
    if (said.data.output_tokens !== undefined) counted.output = said.data.output_tokens
    if (typeof said.data.cache_read_input_tokens === 'number') counted.cacheRead = said.data.cache_read_input_tokens
    if (typeof said.data.cache_creation_input_tokens === 'number') [counted.cacheWrite, counted.cacheWriteHour] = [Math.max(0, said.data.cache_creation_input_tokens - hour), hour]
    return true
  },
  openai(counted, usage) {
    const said = OpenAi.safeParse(usage)
    if (!said.success) return false
    const { data } = said
    counted.cacheRead = data.input_tokens_details?.cached_tokens ?? data.prompt_tokens_details?.cached_tokens ?? 0
    counted.input = Math.max(0, (data.input_tokens ?? data.prompt_tokens ?? 0) - counted.cacheRead)
    counted.output = data.output_tokens ?? data.completion_tokens ?? 0
    return true
  },
  gemini(counted, usage) {
    const said = Gemini.safeParse(usage)
    if (!said.success) return false
    const { data } = said
    counted.cacheRead = data.cachedContentTokenCount ?? 0
    counted.input = Math.max(0, (data.promptTokenCount ?? 0) - counted.cacheRead)
    counted.output = (data.candidatesTokenCount ?? 0) + (data.thoughtsTokenCount ?? 0)
    return true
  },
}

function total(vendor: ModelVendor, { model, input, output, cacheRead, cacheWrite, cacheWriteHour }: Counted): Used {
  const cost = vendor === 'anthropic' ? costMicrosOf(model, { input, output, cacheRead, cacheWrite, cacheWriteHour }) : null
  return { model: model.slice(0, 200), requests: 1, inputTokens: input, outputTokens: output, cacheReadTokens: cacheRead, cacheWriteTokens: cacheWrite + cacheWriteHour, costMicros: cost ?? 0 }
}
function parsed(text: string): z.infer<typeof Message> | null {
  try {
    const message = Message.safeParse(JSON.parse(text))
    return message.success ? message.data : null
  } catch {
    return null
  }
}
