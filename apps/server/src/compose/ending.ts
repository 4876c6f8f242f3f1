/** How a server ends: asked to, or because it may not serve any more. */
import type { Lead } from '@berth/store'
import { exitCode } from '@berth/wire'
import type { Closers } from './closers.ts'
import type { ServerConfig } from './config.ts'
import type { Drain } from './drain.ts'
import { removeServerFile, type Home } from './home.ts'

interface EndingDeps {
  readonly closers: Closers
  readonly home: Pick<Home, 'dir'>
  readonly log: (line: string) => void
  readonly drain: Drain
  readonly config: Pick<ServerConfig, 'drainNoticeSeconds'>
  readonly lead: Lead | null
}
export interface Ending {
  /** May be called twice. */
  stop(): Promise<void>
  /** The exit code: not 0 where whoever keeps servers running should start it again. */
  readonly stopped: Promise<number>
}

export function createEnding({ closers, home, log, drain, config, lead }: EndingDeps): Ending {
  const { promise: stopped, resolve } = Promise.withResolvers<number>()
  let code = 0
  let stopping: Promise<void> | null = null
  const end = async () => {
    log('stopping')
    await removeServerFile(home.dir)
    await drain.run({ noticeMs: (config.drainNoticeSeconds ?? 0) * 1000 })
    await closers.closeAll()
    resolve(code)
  }
  const stop = () => (stopping ??= end())
  void lead?.lost.then(() => {
    code = exitCode('database_unavailable')
    log('the database does not hold the turn of this server any more; another one may serve')
    return stop()
  })
  return { stopped, stop }
}
