/** What a push would do to a host, as everybody is told of it before they answer. Pure. */
import { PUSH_WARNING } from '@berth/wire/approval-rules'
import type { Risk } from './risk.ts'

/** So many refs stand in the title; a push of more is answered where all of them are seen. */
export const NAMED_REFS = 3

const WORDS: Readonly<Record<keyof typeof PUSH_WARNING, string>> = { deleted: 'deletes a remote branch', rewritten: 'rewrites a remote branch', runs: 'changes what the host runs by itself' }

export function riskOfPush(input: Readonly<Record<string, unknown>>): Risk {
  const texts = (Object.keys(WORDS) as (keyof typeof WORDS)[]).flatMap((kind) => (typeof input[PUSH_WARNING[kind]] === 'string' ? [WORDS[kind]] : []))
  return texts.length === 0 ? { level: 'low', text: null } : { level: 'high', text: texts.join(', ') }
}

/** Whether the title names every ref of it. */
export function namesAllRefs({ refs }: Readonly<Record<string, unknown>>): boolean {
  return typeof refs === 'string' && refs.split('\n').length <= NAMED_REFS
}
