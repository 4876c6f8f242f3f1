/**
 * Whether a slash command was taken. The program may answer it by itself and in its own time, and some commands open a
 * menu that would swallow every later message. No question of a tool can be open meanwhile: calls wait until the paste
 * is over.
 */
import type { SessionStatus } from './session-file.ts'

/** The program does some commands before it writes down that it took them. */
export const COMMAND_WITHIN_MS = 10_000
export const MENU = 'this command opens a menu: use it in the terminal'
const LOOK_MS = 200

/** `/compact`, not `/etc/hosts is wrong`. */
export const isCommand = (text: string): boolean => /^\/[a-z][\w:-]*(?:\s|$)/i.test(text)

export async function commandTaken(acknowledged: Promise<boolean>, status: () => SessionStatus['status'] | null): Promise<boolean | 'menu'> {
  for (;;) {
    const heard = await Promise.race([acknowledged, Bun.sleep(LOOK_MS).then(() => null)])
    if (heard !== null) return heard || status() === 'busy'
    if (status() === 'waiting') return 'menu'
  }
}
