/** A secret that a person gives: never an argument, because arguments are seen by everybody on the machine. */
import { BerthError } from '@berth/wire/error'
import type { Io } from './io.ts'

/** From standard input, without the white space around it. `example`: the command that gives one. */
export async function secretFromInput(io: Pick<Io, 'note'>, what: string, example: string): Promise<string> {
  if (process.stdin.isTTY) io.note(`Paste the ${what}, then Enter and Ctrl-D:`)
  const secret = (await Bun.stdin.text()).trim()
  if (secret === '') throw new BerthError('bad_request', `there is no ${what} on standard input`, { hint: example })
  return secret
}
