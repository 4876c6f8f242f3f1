/** Where the agent's conversation stood at each checkpoint, so that it can go back with the files. */
import type { DaemonResult } from '@berth/wire/daemon'
import type { AgentDriver, Journal } from '../../contracts.ts'
import { KEPT_CHECKPOINTS } from './checkpoints.ts'

const NAME = 'review.conversations'

type Agent = Pick<AgentDriver, 'conversationAt' | 'conversationTo'>
/** `undefined`: the agent has none that could be gone back to. */
type Place = string | null | undefined
export interface Conversations {
  now(): Place
  remember(commit: string, place: Place): void
  /** `target` null: what the workspace began with. */
  goTo(target: string | null): Promise<DaemonResult<'git.rewind'>['conversation']>
}

export function createConversations({ journal, agent }: { journal: Journal; agent: () => Agent | null }): Conversations {
  const places = (): Record<string, string | null> => JSON.parse(journal.get(NAME) ?? '{}') as Record<string, string | null>
  return {
    now: () => agent()?.conversationAt?.(),
    remember(commit, place) {
      const known = places()
      // A state of the files that was kept before is the one of that time.
      if (place === undefined || Object.hasOwn(known, commit)) return
      journal.set(NAME, JSON.stringify(Object.fromEntries([...Object.entries(known), [commit, place]].slice(-KEPT_CHECKPOINTS))))
    },
    async goTo(target) {
      const known = places()
      const place = target === null ? null : known[target]
      const went = place === undefined ? false : await agent()?.conversationTo?.(place)
      return went === true ? 'rewound' : 'unsupported'
    },
  }
}
