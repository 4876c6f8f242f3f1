/**
 * Images that machines of a provider begin with: its usual one, with the daemon and agents' programs put in. A provider that
 * can make them has this; which one fits a new machine it knows by itself, and one that fits none is never used.
 */
import type { CallContext, Inventory, Quote, Step, ToolboxRef } from './provider.ts'

export interface MachineImage {
  /** At the vendor; names it for a removal. */
  readonly name: string
  /** Name of the toolbox in it; a machine with another one fetches its own. Null: it needs none in it, and always fits. */
  readonly toolbox: string | null
  /** What it was made from. */
  readonly base: string
  readonly state: 'making' | 'ready' | 'failed'
  readonly createdAt: number
  readonly sizeBytes: number | null
  readonly currency: string
  /** For keeping it, in micro-units of its currency. Null: nothing, or nobody says. */
  readonly monthlyMicros: number | null
}
/** That one is made of now, and is paid for as long as it is there. */
export interface ImageMachine { readonly name: string; readonly createdAt: number; /** Null: nobody says. */ readonly quote: Quote | null }
export interface ImageWanted {
  readonly toolbox: ToolboxRef
  /** Directories below the toolbox's `agents`, such as `claude-2.1.329`. */
  readonly programs: readonly string[]
  /** Where a machine fetches them from, and what it shows for that. Another token each time the server starts. */
  readonly link: { readonly publicUrl: string | null; readonly token: string }
}
/** What it costs to make one and to keep it, for people. */
export interface ImagePrice { readonly currency: string; readonly monthlyMicrosPerGb: number; readonly note: string }

export interface ProviderImages {
  /** By what the vendor takes today, where it says so. */
  price(signal: AbortSignal): Promise<ImagePrice>
  /**
   * Finds or makes the image of this toolbox; may be repeated after a crash between any two lines. Those of other toolboxes
   * go when it is there, and whatever it was made with. Throws ProviderFault.
   */
  build(wanted: ImageWanted, context: CallContext): Promise<Step<MachineImage>>
  list(signal: AbortSignal): Promise<Inventory<MachineImage>>
  /** Absent: it buys none. */
  machines?(signal: AbortSignal): Promise<Inventory<ImageMachine>>
  /** And what is left of its making. Absent is done. Reads whose it is right before. */
  remove(name: string, context: CallContext): Promise<Step<null>>
  /** What a making that failed left: machines that nobody waits for. May be repeated. */
  giveUp(context: CallContext): Promise<Step<null>>
}
