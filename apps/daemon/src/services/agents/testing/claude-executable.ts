/** Claude Code for tests: fetched once into a cache outside the repository. Null: it cannot be had here. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { PINNED_VERSION } from '../claude/launch.ts'

export function claudeExecutable(): string {
  const cache = process.env['BERTH_TOOLBOX'] ?? (process.getuid?.() === 0 ? '/var/cache/berth-toolbox' : join(homedir(), '.cache', 'berth-toolbox'))
  const path = join(cache, 'agents', `claude-${PINNED_VERSION}`, 'claude')
  if (existsSync(path)) return path
  mkdirSync(dirname(path), { recursive: true })
  const staging = mkdtempSync(join(cache, 'staging-'))
  try {
    const name = `@anthropic-ai/claude-code-linux-${process.arch}`
    writeFileSync(join(staging, 'package.json'), '{"private":true}')
    const added = spawnSync(process.execPath, ['add', '--exact', `${name}@${PINNED_VERSION}`], { cwd: staging, encoding: 'utf8' })
    if (added.status !== 0) throw new Error(`claude cannot be fetched: ${added.stderr.slice(-300)}`)
    renameSync(join(staging, 'node_modules', name, 'claude'), path)
  } finally { rmSync(staging, { recursive: true, force: true }) }
  return path
}
