/** What leads the programs of a workspace to its models, registries and the world, as its assignment has it. */
import type { SessionId } from '@berth/wire'
import type { Assignment } from '@berth/wire/daemon'
import type { Gateway } from './gateway.ts'
import { injectEnvironment } from './inject-environment.ts'
import { modelEnvironment, ofSession } from './model-environment.ts'
import { openWayOut, type WayOut, type WayOutDeps } from './way-out.ts'

export interface Ways {
  /** `session`: whose agent it is for. Null: anybody's. */
  environment(session: SessionId | null): Readonly<Record<string, string>>
  /** Ports that are ours. */
  ports(): readonly number[]
  /** `then`: when programs can be started with it. */
  apply(assignment: Assignment, then: () => void): void
  close(): Promise<void>
}

export function createWays({ gateway, ...wayOut }: { gateway: () => Gateway } & WayOutDeps): Ways {
  let environment = (_session: SessionId | null): Readonly<Record<string, string>> => ({})
  let out: WayOut | null = null
  let opening: Promise<WayOut> | null = null
  return {
    environment: (session) => environment(session),
    ports: () => (out === null ? [] : [out.port]),
    apply({ models = [], injections = [], egress }, then) {
      const inside = (session: SessionId | null): Record<string, string> => ({
        ...models.length === 0 ? {} : modelEnvironment(models, ofSession(gateway().modelUrl, session)),
        ...injections.length === 0 ? {} : injectEnvironment(injections, gateway().injectUrl),
      })
      if (egress !== 'proxy') {
        environment = inside
        return then()
      }
      opening ??= openWayOut(wayOut)
      opening.then((opened) => {
        out = opened
        environment = (session) => ({ ...opened.environment, ...inside(session) })
        then()
      }).catch((cause: unknown) => { wayOut.log(`way out: ${String(cause)}`) })
    },
    async close() { await out?.close() },
  }
}
