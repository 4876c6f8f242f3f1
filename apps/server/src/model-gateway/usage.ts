/**
 * What an answer of a model used, read from a copy of its bytes. Answers are the vendors' (server-sent events, or one
 * JSON object): unknown lines and fields are passed over. Who breaks an answer off before it says what it used, or asks
 * for one that does not say it, is counted by what came: the text that was written, and the time in which a model that
 * had begun showed nothing.
 */
import { z } from 'zod'
import { estimatedTokens } from '@berth/core'
import { costMicrosOf } from '@berth/wire/model-prices'
import type { ModelUsage, ModelVendor } from '@berth/wire/model-access'
import type { AskedCall } from './asked.ts'
import { textIn } from './written.ts'

export type Used = Omit<ModelUsage, 'workspaceId' | 'vendor'>
export interface UsageReader {
  read(bytes: Uint8Array): void
  /** By now, of an answer that goes on. */
  soFar(): Used
  /** `broken`: it ended before its end. Null: it used nothing that anybody knows of. */
  end(broken: boolean): Used | null
}
export interface Reading { readonly vendor: ModelVendor; readonly contentType: string; readonly asked: AskedCall; readonly now: () => number }

/** Of one line or one object; what is longer is not looked into. */
const LOOK_LIMIT = 8 * 1024 * 1024
const n = z.number().int().nonnegative().catch(0)
const Anthropic = z.looseObject({ input_tokens: n.optional(), output_tokens: n.optional(), cache_read_input_tokens: n.nullish(), cache_creation_input_tokens: n.nullish(), cache_creation: z.looseObject({ ephemeral_1h_input_tokens: n.optional() }).nullish().catch(null) })
const OpenAi = z.looseObject({
  input_tokens: n.optional(), output_tokens: n.optional(), input_tokens_details: z.looseObject({ cached_tokens: n.optional(), cache_write_tokens: n.optional() }).nullish().catch(null),
  prompt_tokens: n.optional(), completion_tokens: n.optional(), prompt_tokens_details: z.looseObject({ cached_tokens: n.optional(), cache_write_tokens: n.optional() }).nullish().catch(null),
})
const Gemini = z.looseObject({ promptTokenCount: n.optional(), candidatesTokenCount: n.optional(), thoughtsTokenCount: n.optional(), cachedContentTokenCount: n.optional() })
const Inner = z.looseObject({ usage: z.unknown().optional(), model: z.string().optional().catch(undefined), service_tier: z.string().nullish().catch(null) }).nullish().catch(null)
const Message = z.looseObject({ type: z.string().optional().catch(undefined), usage: z.unknown().optional(), usageMetadata: z.unknown().optional(), model: z.string().optional().catch(undefined), service_tier: z.string().nullish().catch(null), modelVersion: z.string().optional().catch(undefined), message: Inner, response: Inner })

/** A silence that is longer than the network's: the model thinks, and shows nothing of it. */
const SILENCE_MS = 2000
/** Hardly a model writes faster. */
const TOKENS_PER_SECOND = 60

interface Counted { model: string; input: number; output: number; cacheRead: number; cacheWrite: number; cacheWriteHour: number }
/** What was seen, whatever was said of it. */
interface Seen { bytes: number; silentMs: number; lastAt: number | null }

export function createUsageReader({ vendor, contentType, asked, now }: Reading): UsageReader {
  const decoder = new TextDecoder()
  const isStream = contentType.startsWith('text/event-stream')
  const counted: Counted = { model: asked.model, input: 0, output: 0, cacheRead: 0, cacheWrite: 0, cacheWriteHour: 0 }
  const seen: Seen = { bytes: 0, silentMs: 0, lastAt: null }
  let rest = ''
  let found = false
  let whole = false
  const look = (text: string): void => {
    const json = parsed(text)
    if (json === undefined) return
    note(seen, textIn(vendor, json), now())
    const said = text.includes('"usage') ? usagesIn(json) : null
    if (said === null) return
    counted.model = said.model === undefined ? counted.model : `${said.model}${said.tier}`
    for (const usage of said.usages) found = COUNT[vendor](counted, usage) || found
    whole ||= found && said.isLast
  }
  const guessed = (): Counted => {
    const text = estimatedTokens(seen.bytes)
    const silent = Math.ceil((seen.silentMs + (isStream ? silence(seen, now()) : 0)) / 1000 * TOKENS_PER_SECOND)
    return { ...counted, ...(found ? {} : { input: asked.inputTokens }), output: Math.max(counted.output, text, Math.min(asked.maxOutputTokens, text + silent)) }
  }
  return {
    read(bytes) {
      rest += decoder.decode(bytes, { stream: true })
      if (isStream) {
        const lines = rest.split('\n')
        rest = lines.pop() ?? ''
        for (const line of lines) if (line.startsWith('data:')) look(line.slice(5))
      }
      if (rest.length > LOOK_LIMIT) {
        seen.bytes += rest.length
        rest = ''
      }
    },
    soFar: () => total(whole ? counted : guessed()),
    end(broken) {
      if (broken) seen.bytes += isStream ? 0 : rest.length
      else look(isStream ? rest.replace(/^data:/, '') : rest)
      if (whole && !(broken && vendor === 'gemini')) return total(counted)
      return broken || found || seen.bytes > 0 ? total(guessed()) : null
    },
  }
}

function usagesIn(json: unknown): { model: string | undefined; tier: string; usages: unknown[]; /** What Anthropic says first of an answer is not the last. */ isLast: boolean } | null {
  const message = Message.safeParse(json)
  if (!message.success) return null
  const { data } = message
  return {
    model: data.message?.model ?? data.response?.model ?? data.model ?? data.modelVersion,
    tier: tierOf(data.response?.service_tier ?? data.service_tier ?? null),
    usages: [data.message?.usage, data.response?.usage, data.usage, data.usageMetadata].filter((usage) => usage !== undefined && usage !== null),
    isLast: data.message?.usage === undefined && data.type !== 'message_start',
  }
}

/** Faster or slower for another price: it is told apart by its name, and the list has none for it. */
const tierOf = (tier: string | null): string => (tier === null || ['default', 'auto', 'standard'].includes(tier) ? '' : ` (${tier.slice(0, 30)})`)

function note(seen: Seen, bytes: number, at: number): void {
  if (bytes > 0) seen.silentMs += silence(seen, at)
  seen.bytes += bytes
  if (bytes > 0 || seen.lastAt === null) seen.lastAt = at
}
const silence = ({ lastAt }: Seen, at: number): number => lastAt === null || at - lastAt < SILENCE_MS ? 0 : at - lastAt

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
    const details = data.input_tokens_details ?? data.prompt_tokens_details
    counted.cacheRead = details?.cached_tokens ?? 0
    counted.cacheWrite = details?.cache_write_tokens ?? 0
    counted.input = Math.max(0, (data.input_tokens ?? data.prompt_tokens ?? 0) - counted.cacheRead - counted.cacheWrite)
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

function total({ model, input, output, cacheRead, cacheWrite, cacheWriteHour }: Counted): Used {
  const cost = costMicrosOf(model, { input, output, cacheRead, cacheWrite, cacheWriteHour })
  return { model: model.slice(0, 200), requests: 1, inputTokens: input, outputTokens: output, cacheReadTokens: cacheRead, cacheWriteTokens: cacheWrite + cacheWriteHour, costMicros: cost ?? 0 }
}
function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
