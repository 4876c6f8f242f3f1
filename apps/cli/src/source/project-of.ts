import { BerthError } from '@berth/wire/error'
import { cleanLine } from '../clean.ts'
import type { Context } from '../context.ts'
import { readSource } from './source.ts'

/** As `up` would name what it makes a workspace from. */
export async function projectOf({ cwd, signal }: Context, argument: string): Promise<string> {
  const source = await readSource(argument, cwd, signal)
  switch (source.kind) {
    case 'url': return source.url
    case 'fetched': return source.label
    case 'repository': return source.top
    case 'directory': return source.path
    case 'word': throw new BerthError('not_found', `"${cleanLine(argument)}" is no directory and no git url`, { hint: '--project takes what `berth up` takes' })
  }
}
