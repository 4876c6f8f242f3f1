/** Plain http: what an authority looks for, and the way to https for everything else. */
import { listen, type Listener } from '../http/listen.ts'
import type { ChallengeSolver } from './acme.ts'

const CHALLENGE_PATH = '/.well-known/acme-challenge/'
/** Who sends no whole request for so long is gone. */
const IDLE_S = 10

export interface PlainDeps {
  readonly listen: string
  readonly port: number
  readonly httpsPort: number
  /** Names that are served by https. */
  known(host: string): boolean
}
export interface PlainListener { readonly port: number; readonly solver: ChallengeSolver; stop(): Promise<void> }

export function openPlain({ listen: hostname, port, httpsPort, known }: PlainDeps): PlainListener {
  const answers = new Map<string, string>()
  const suffix = httpsPort === 443 ? '' : `:${httpsPort}`
  const listener: Listener = listen({
    hostname, port, idleSeconds: IDLE_S, mayIdle: () => false, maxBodyBytes: 64 * 1024,
    fetch(request) {
      const url = new URL(request.url)
      const host = (request.headers.get('host') ?? '').toLowerCase().replace(/:\d+$/, '')
      const answer = url.pathname.startsWith(CHALLENGE_PATH) ? answers.get(`${host} ${url.pathname.slice(CHALLENGE_PATH.length)}`) : undefined
      if (answer !== undefined) return new Response(answer, { headers: { 'content-type': 'application/octet-stream' } })
      if (!known(host)) return new Response('there is nothing here by that name\n', { status: 404 })
      if (request.method !== 'GET' && request.method !== 'HEAD') return new Response('use https\n', { status: 426, headers: { upgrade: 'TLS/1.2', connection: 'upgrade' } })
      return new Response(null, { status: 308, headers: { location: `https://${host}${suffix}${url.pathname}${url.search}` } })
    },
  })
  return {
    port: listener.port ?? port,
    solver: {
      async put({ name, token, answer }) {
        const key = `${name} ${token}`
        answers.set(key, answer)
        return async () => void answers.delete(key)
      },
    },
    stop: () => listener.stop(),
  }
}
