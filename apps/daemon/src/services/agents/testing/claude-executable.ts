/** Claude Code for tests: fetched once into a cache outside the repository. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { PINNED_VERSION } from '../claude/launch.ts'

/** What a bench of the real program on this model needs. */
export function claudeOn(model: { readonly url: string }): { executable: string; env: Record<string, string> } {
  return { executable: claudeExecutable(), env: { ANTHROPIC_BASE_URL: model.url, ANTHROPIC_AUTH_TOKEN: 'placeholder-token', CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1', CLAUDE_CODE_MAX_RETRIES: '1' } }
}

function claudeExecutable(): string {
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
