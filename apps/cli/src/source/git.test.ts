import { expect, it } from 'bun:test'
import { tryGit } from './git.ts'

it('lets go of what git started when it is told to stop', async () => {
  const stop = new AbortController()
  // The alias runs as a grandchild that git's end does not end, and keeps the pipes.
  const running = tryGit(['-c', 'alias.hold=!echo ready >&2; sleep 8', 'hold'], { cwd: '/', signal: stop.signal, onProgress: () => stop.abort() })
  expect(await running.catch((error: unknown) => error)).toMatchObject({ code: 'cancelled' })
})
