/** What stands beside the code in a released binary: `assets/manifest.json` and the files it names. */
import type { Target } from '../../packages/toolbox/src/targets.ts'

export const ASSETS = 'assets'
export const MANIFEST = 'manifest.json'
export const MIGRATIONS = 'migrations'

export interface Manifest {
  /** A zstd-compressed tar with `bin`, `lib` and `share`. */
  readonly postgres: { readonly file: string; readonly hash: string }
  /** Zstd-compressed executables; the hash is of what they unpack to. */
  readonly daemons: { readonly [target in Target]?: { readonly file: string; readonly hash: string } }
  readonly web: readonly { readonly path: string; readonly file: string; readonly type: string; readonly immutable: boolean }[]
}
