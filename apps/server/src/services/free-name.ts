/** Names of workspaces, of which each is one's alone. */
import { BerthError } from '@berth/wire'

export const NAME_LIMIT = 39
/** Enough for any honest number of workspaces of one repository. */
const ATTEMPTS = 1000

/** Makes it by the name that a person `given`, or by the first that is free of those like `wanted`: `make` refuses one that is taken. */
export async function withFreeName<T>({ given, wanted }: { given: string | undefined; wanted: string }, make: (name: string) => Promise<T>): Promise<T> {
  if (given !== undefined) return make(given)
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    try {
      return await make(attempt === 1 ? wanted : `${wanted.slice(0, NAME_LIMIT - String(attempt).length - 1)}-${attempt}`)
    } catch (thrown) {
      if (!(thrown instanceof BerthError) || thrown.code !== 'name_taken') throw thrown
    }
  }
  throw new BerthError('name_taken', `every name like ${wanted} is taken`, { hint: 'give one with --name' })
}
