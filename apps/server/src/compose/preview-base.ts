import type { ServerConfig } from './config.ts'

/** The domain below which previews live, without scheme and port. Null: previews live below localhost. */
export function previewBaseOf({ previews }: Pick<ServerConfig, 'previews'>): string | null {
  const base = previews?.base
  return base === undefined ? null : new URL(/^https?:\/\//.test(base) ? base : `https://${base}`).hostname
}
