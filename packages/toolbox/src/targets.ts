/** What a machine can execute. `x64` needs AVX2, `x64-baseline` does not; glibc unless it says musl. */
import { readFileSync } from 'node:fs'

export const TARGETS = ['linux-x64', 'linux-x64-baseline', 'linux-x64-musl', 'linux-arm64', 'linux-arm64-musl', 'darwin-x64', 'darwin-x64-baseline', 'darwin-arm64'] as const
export type Target = (typeof TARGETS)[number]

/** The target of the host this process runs on: what the local provider and a local engine execute. */
export function hostTarget(): Target {
  if (process.platform === 'darwin') return process.arch === 'arm64' ? 'darwin-arm64' : 'darwin-x64'
  const musl = hasMuslLoader() ? '-musl' : ''
  if (process.arch === 'arm64') return `linux-arm64${musl}` as Target
  if (musl !== '') return 'linux-x64-musl'
  return hasAvx2(readFileSync('/proc/cpuinfo', 'utf8')) ? 'linux-x64' : 'linux-x64-baseline'
}

export function hasAvx2(cpuinfo: string): boolean {
  return /^flags\s*:.*\bavx2\b/m.test(cpuinfo)
}

/** A glibc host may have musl installed beside it, so the process asks its own maps. */
function hasMuslLoader(): boolean {
  return readFileSync('/proc/self/maps', 'utf8').includes('/ld-musl-')
}

/** The platform part of an agent's npm package name; those packages know no baseline build. */
export function packagePlatform(target: Target): string {
  return target.replace('-baseline', '')
}
