/** What each provider is made with, and how its settings are read. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { z } from 'zod'
import { parseSettings } from '../config.ts'

export interface ProviderContext { readonly home: string; readonly installation: string; readonly log: (line: string) => void }

/** What is set; what is absent keeps the provider's default. */
export function settingsOf<S extends z.ZodObject>(schema: S, home: string, name: string): Given<z.infer<S>> {
  const path = join(home, 'providers', `${name}.yaml`)
  const settings = existsSync(path) ? parseSettings(schema, readFileSync(path, 'utf8'), path) : {}
  // zod leaves absent keys out, so no key here is undefined.
  return settings as Given<z.infer<S>>
}
type Given<T> = { [K in keyof T]?: Exclude<T[K], undefined> }

/** Read at each use, so that a new token counts at once: the file a person named or `<home>/providers/<name>.token`, else the variable that the vendor's own tools read. */
export function tokenFrom({ home }: ProviderContext, name: string, { tokenFile, variable }: { readonly tokenFile: string | undefined; readonly variable: string }): () => string | null {
  const path = tokenFile ?? join(home, 'providers', `${name}.token`)
  return () => (existsSync(path) ? readFileSync(path, 'utf8').trim() || null : process.env[variable] ?? null)
}
