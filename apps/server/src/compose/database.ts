/**
 * The database under the server: an external one by URL, or a PostgreSQL that is our child. A child that dies is
 * started again under the same socket, so the store's connections find it by themselves; requests meanwhile are
 * refused with `database_unavailable`.
 */
import { startEmbedded } from '@berth/store'
import type { DatabaseAddress, Embedded, EmbeddedOptions } from '@berth/store'
import { requireExternalDatabase } from './external-database.ts'
import { messageOf } from '../thrown.ts'

export interface RunningDatabase {
  readonly kind: 'embedded' | 'external'
  readonly address: DatabaseAddress
  /** Null: not ours. */
  pid(): number | null
  stop(): Promise<void>
}

const FIRST_RESTART_MS = 50
const LONGEST_RESTART_MS = 10_000

export async function startDatabase(options: { home: string; url: string | null; log: (line: string) => void; binaries?: EmbeddedOptions['binaries'] }): Promise<RunningDatabase> {
  const { home, url, log, binaries } = options
  const start = () => startEmbedded({ home, log, ...(binaries === undefined ? {} : { binaries }) })
  if (url !== null) {
    await requireExternalDatabase(url)
    return { kind: 'external', address: { kind: 'url', url }, pid: () => null, stop: async () => {} }
  }
  let stopped = false
  let embedded: Embedded = await start()
  let restarting: Promise<void> = Promise.resolve()

  const restart = async () => {
    for (let pauseMs = FIRST_RESTART_MS; !stopped; pauseMs = Math.min(pauseMs * 2, LONGEST_RESTART_MS)) {
      try {
        const next = await start()
        if (stopped) return await next.stop()
        embedded = next
        watch()
        return log(`the database runs again (pid ${next.pid})`)
      } catch (error) {
        log(`the database does not start: ${messageOf(error)}`)
        await Bun.sleep(pauseMs)
      }
    }
  }
  const watch = () => {
    embedded.onExit(({ code, signal }) => {
      if (stopped) return
      log(`the database ended (code ${code}, signal ${signal}); starting it again`)
      restarting = restart()
    })
  }
  watch()

  return {
    kind: 'embedded',
    address: embedded.address,
    pid: () => embedded.pid,
    async stop() {
      stopped = true
      await restarting
      await embedded.stop()
    },
  }
}
