/** A provider of machines on this host, in a process of its own that can be killed in the middle of a call, as a server is. */
import { createLocalProvider } from '@berth/providers/local'
import { createVmProvider } from '@berth/providers/vm'
import { ProviderFault, type Provider } from '@berth/core'

export type Kind = 'vm' | 'local'
/** Of the provider, those that take an owner, an installation or what is left over first, and say what came of it. */
export const CALLS = ['check', 'ensure', 'observe', 'list', 'stop', 'destroy', 'leftovers', 'removeLeftover'] as const
export type Call = (typeof CALLS)[number]
export interface Asked { readonly id: number; readonly call: Call; readonly args: readonly unknown[] }
export type Answered = { readonly id: number; readonly value: unknown } | { readonly id: number; readonly fault: Pick<ProviderFault, 'category' | 'message' | 'committed' | 'hint'> }
export interface Made { readonly kind: Kind; readonly installation: string; readonly home: string; readonly image: string }

/** A guest that hears no button, and a host that waits no minute for it. */
const GRACE_MS = 300

export const providerOf = ({ kind, installation, home, image }: Made): Provider => (kind === 'vm'
  ? createVmProvider({ installation, home, log: () => {}, image, diskGb: 1, graceMs: GRACE_MS, acceleration: 'tcg' })
  : createLocalProvider({ installation, home, log: () => {}, sandbox: 'auto' }))

if (import.meta.main) {
  const provider = providerOf(JSON.parse(process.argv[2] ?? '') as Made)
  const { signal } = new AbortController()
  // The last argument of each is what stands for its signal.
  const run = (call: Call, args: readonly unknown[]): Promise<unknown> => (provider[call] as (...args: unknown[]) => Promise<unknown>)(...args.slice(0, -1), isContext(args.at(-1)) ? { ...args.at(-1) as object, signal } : signal)
  process.on('message', ({ id, call, args }: Asked) => {
    const said = (answer: Answered): void => void process.send?.(answer)
    run(call, args).then((value) => said({ id, value }), (error: unknown) => {
      const { category, message, committed, hint } = error instanceof ProviderFault ? error : new ProviderFault('unknown', String(error))
      said({ id, fault: { category, message, committed, hint } })
    })
  })
}

const isContext = (value: unknown): boolean => typeof value === 'object' && value !== null
