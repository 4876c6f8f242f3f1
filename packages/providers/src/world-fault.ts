/** What the operating system refused, in the words of the provider port. */
import { ProviderFault, type FaultCategory } from '@berth/core'

const BY_ERRNO: Readonly<Record<string, { category: FaultCategory; hint: string }>> = {
  ENOSPC: { category: 'no_space', hint: 'free some space on the disk that holds the workspaces' },
  EDQUOT: { category: 'no_space', hint: 'your disk quota is used up' },
  EACCES: { category: 'auth', hint: 'the server may not write there; see who owns the directory' },
  EPERM: { category: 'auth', hint: 'the server may not do this; see who owns the directory' },
  EROFS: { category: 'auth', hint: 'the disk that holds the workspaces is read-only' },
  EMFILE: { category: 'capacity', hint: 'too many files are open; stop some workspaces' },
  ENFILE: { category: 'capacity', hint: 'too many files are open; stop some workspaces' },
  EAGAIN: { category: 'capacity', hint: 'no more processes can be started; stop some workspaces' },
}

export async function asFault<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause && typeof cause.code === 'string' ? cause.code : ''
    const known = BY_ERRNO[code]
    if (known === undefined || !(cause instanceof Error)) throw cause
    throw new ProviderFault(known.category, cause.message, { hint: known.hint, committed: 'unknown', cause })
  }
}
