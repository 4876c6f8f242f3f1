import { afterEach, beforeEach, expect, test } from 'bun:test'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { stays } from './left-out.ts'
import { members } from './pack.ts'

let root = ''
beforeEach(() => { root = mkdtempSync(join(tmpdir(), 'berth-left-out-')) })
afterEach(() => rmSync(root, { recursive: true, force: true }))

const LOGIN = 'sk-ant-login'
const SETTINGS = `{"theme":"dark","primaryApiKey":"${LOGIN}","oauthAccount":{"token":"${LOGIN}"}}`

function packed(files: readonly string[]): { text: string; leftOut: string[] } {
  const [home, work] = [join(root, 'home'), join(root, 'work')]
  mkdirSync(work, { recursive: true })
  for (const path of files) {
    mkdirSync(dirname(join(home, path)), { recursive: true })
    writeFileSync(join(home, path), SETTINGS)
  }
  const sum = { files: 0, plainBytes: 0, leftOut: [] as string[] }
  return { text: Buffer.concat([...members({ home, work, given: new Set(), sum })]).toString('latin1'), leftOut: sum.leftOut }
}

test("Claude Code's copies of its settings stay behind, wherever its directory is", () => {
  const copies = [
    '.claude/backups/.claude.json.backup.1790000000000', '.claude/backups/.claude.json.corrupted.1790000000000', 'backups/.claude.json.backup.1790000000000',
    '.claude/.claude.json.backup', '.claude/.claude.json.tmp.12.aa', '.claude/.claude-custom-oauth.json.backup', '.claude/.config.json.backup.1790000000000', '.claude/.credentials.json.tmp.1', '.claude.json.backup', '.claude.json.corrupted.1790000000000', '.config/claude/.claude.json.backup',
  ]
  expect(copies.filter((path) => stays(path, new Set()) !== 'private')).toEqual([])
  const { text, leftOut } = packed(copies)
  expect(text).not.toContain(LOGIN)
  expect(leftOut).toContain('home/.claude/backups/')
  expect(leftOut).toContain('home/.claude.json.backup')
})

test("no agent's login goes into a saved state", () => {
  const logins = ['.claude/.credentials.json', '.codex/auth.json', '.gemini/oauth_creds.json', '.qwen/oauth_creds.json', '.local/share/opencode/auth.json', '.copilot/config.json', '.config/github-copilot/hosts.json']
  const { text, leftOut } = packed(logins)
  expect(text).not.toContain(LOGIN)
  for (const path of logins) expect(leftOut.some((one) => `home/${path}`.startsWith(one))).toBe(true)
  expect(leftOut.some((one) => ['home/', 'home/.codex/', 'home/.local/share/opencode/'].includes(one))).toBe(false)
})

test('its settings come without the login, its conversations and the files of other programs as they are', () => {
  const { text, leftOut } = packed(['.claude.json', '.claude/.claude.json', '.claude/.config.json', '.claude-custom-oauth.json'])
  expect(text).not.toContain(LOGIN)
  expect(text.split('"theme": "dark"')).toHaveLength(5)
  expect(leftOut).toEqual([])
  const others = ['.claude/settings.json', '.claude/projects/-workspace/a.jsonl', '.claude/', 'backups/', 'x.claude.json.md', '.config/app/.config.json.bak', 'project/claude.json.backup']
  expect(others.filter((path) => stays(path, new Set()) !== null)).toEqual([])
})
