/**
 * Several servers on one database, of which one serves: the others answer that they are alive and not ready, and the
 * next of them begins when the database lets go of the one that served (docs/deploy.md).
 */
import { takeLead, type Lead } from '@berth/store'
import { BerthError } from '@berth/wire'
import { standbyRoute } from '../http/health.ts'
import { refusal, secured } from '../http/respond.ts'
import type { ServerConfig } from './config.ts'
import { requireExternalDatabase } from './external-database.ts'
import { rememberedPort } from './home.ts'
import { listenForPeople, type ControlListener } from './listeners.ts'

interface Standing {
  readonly config: Pick<ServerConfig, 'standby' | 'listen' | 'port'>
  readonly databaseUrl: string | null
  readonly home: string
  readonly listen?: string | undefined
  readonly port?: number | undefined
  readonly log: (line: string) => void
}

/** Resolves when it is this server's turn. Null: there are no others. Throws `config_invalid` without an external database. */
export async function standBy({ config, databaseUrl, home, listen, port, log }: Standing): Promise<Lead | null> {
  if (config.standby !== true) return null
  if (databaseUrl === null) throw new BerthError('config_invalid', 'standby: true needs a PostgreSQL that the servers share', { hint: 'name it with DATABASE_URL, or `databaseUrl` in config.yaml' })
  await requireExternalDatabase(databaseUrl)
  const { signal, forget } = onSignals()
  const doors: ControlListener[] = []
  const remembered = await rememberedPort(home, 'page')
  try {
    const lead = await takeLead({ kind: 'url', url: databaseUrl }, {
      signal,
      waits() {
        log('another server on this database serves; standing by')
        const door = listenForPeople({ hostname: listen ?? config.listen, port: port ?? config.port, remembered, log })
        doors.push(door)
        door.serve(answerWaiting)
      },
      away(error) { log(`standing by, and the database does not answer: ${String(error)}`) },
    })
    log('this server serves now')
    return lead
  } finally {
    forget()
    for (const door of doors) await door.stop()
  }
}

/** The first process of a container is not ended by a signal that it does not take. */
function onSignals(): { signal: AbortSignal; forget(): void } {
  const ending = new AbortController()
  const end = () => ending.abort()
  for (const name of SIGNALS) process.once(name, end)
  return { signal: ending.signal, forget: () => { for (const name of SIGNALS) process.off(name, end) } }
}
const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const

const answerWaiting = async (request: Request): Promise<Response> =>
  standbyRoute(request, new URL(request.url).pathname) ?? secured(refusal(new BerthError('server_unreachable', 'this server stands by for another one', { hint: 'send requests to the one that says it is ready' })))
