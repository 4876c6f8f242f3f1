/** Packs that were asked ahead and still come. */
import { rename, rm } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { growPack } from './growing-pack.ts'
import type { GrowingLimits, GrowingPack } from './growing-pack.ts'

/** Where one is written until it is whole. */
export interface Place { readonly aside: string; readonly file: FileHandle }
export interface AskedAhead {
  /** What the host said. Resolves when all of it was taken. */
  take(response: Response): Promise<void>
  /** The host said nothing. */
  drop(error: Error): Promise<void>
}
export interface GrowingPacks {
  /** Null: it does not come, or not so that it can be read. */
  read(name: string): Promise<ReadableStream<Uint8Array> | null>
  begin(name: string, place: Place): AskedAhead
  stop(): Promise<void>
}

/** `over`: nobody writes it any more. */
export function createGrowingPacks({ dir, limits, trouble, tidy, over }: { dir: string; limits: GrowingLimits; trouble(error: unknown): void; tidy(): Promise<void>; over(name: string): void }): GrowingPacks {
  const growing = new Map<string, { readonly pack: GrowingPack; readonly written: Promise<void> }>()
  let stopped: Error | null = null
  return {
    read: async (name) => await growing.get(name)?.pack.read() ?? null,
    begin(name, { aside, file }) {
      const pack = growPack(aside, file, limits)
      const { promise: written, resolve } = Promise.withResolvers<void>()
      growing.set(name, { pack, written })
      if (stopped !== null) pack.end(stopped)
      const take = async (response: Response): Promise<void> => {
        try {
          if (await pack.fill(response)) await rename(aside, join(dir, name))
          else await rm(aside, { force: true })
        } catch (error) {
          trouble(error)
        } finally {
          growing.delete(name)
          over(name)
          resolve()
        }
        await tidy().catch(trouble)
      }
      return {
        take,
        drop(error) {
          pack.end(error)
          return take(new Response(null))
        },
      }
    },
    async stop() {
      stopped = new Error('the server stops')
      const all = [...growing.values()]
      for (const { pack } of all) pack.end(stopped)
      await Promise.all(all.map(({ written }) => written))
    },
  }
}
