/** What Claude Code is given before it starts: our hooks, and a first-run seed that answers its set-up screens. */
import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { z } from 'zod'
import { shellQuoted } from '../../shell-quoted.ts'
import { parseJson } from '../json-lines.ts'

/** A person may answer after a vacation (deadlines.hookTimeout); the agent counts in seconds. */
const PERMISSION_TIMEOUT_S = 30 * 24 * 3600
const EVENT_TIMEOUT_S = 60
/** The line is on the screen already; nothing is to wait for us. */
const DISPLAY_TIMEOUT_S = 2
const EVENTS = ['SessionStart', 'UserPromptSubmit', 'PreToolUse', 'Stop', 'SessionEnd'] as const

/** Written by the daemon's user and only readable for the agent, which runs with `--settings <path>`. */
export function writeHookSettings(path: string, options: { hookCommand: readonly string[]; socketPath: string; run: string; skipsQuestions: boolean; /** Where it says what it displays; null: nobody asks. */ displayUrl?: string | null }): void {
  const command = (kind: string): string => [...options.hookCommand, kind, '--socket', options.socketPath, '--run', options.run].map(shellQuoted).join(' ')
  const hook = (kind: string, timeout: number): unknown => [{ hooks: [{ type: 'command', command: command(kind), timeout }] }]
  const hooks = Object.fromEntries([
    ...EVENTS.map((event) => [event, hook('event', EVENT_TIMEOUT_S)] as const),
    ['PermissionRequest', hook('permission', PERMISSION_TIMEOUT_S)] as const,
    ...((options.displayUrl ?? null) === null ? [] : [['MessageDisplay', [{ hooks: [{ type: 'http', url: options.displayUrl, timeout: DISPLAY_TIMEOUT_S }] }]] as const]),
  ])
  mkdirSync(dirname(path), { recursive: true })
  const temporary = `${path}.new`
  writeFileSync(temporary, JSON.stringify({ hooks, promptSuggestionEnabled: false, ...(options.skipsQuestions ? { skipDangerousModePermissionPrompt: true } : {}) }), { mode: 0o644 })
  renameSync(temporary, path)
}

/** Adds what is missing and changes nothing that stands there: a login made by a person stays as it is. */
export function seeded(existing: string | null, facts: { workDir: string; apiKey: string | null; skipsQuestions: boolean }): string {
  const config = Config.parse(existing === null ? {} : parseJson(existing))
  const project = config.projects?.[facts.workDir] ?? {}
  const approved = config.customApiKeyResponses?.approved ?? []
  // The agent keeps and compares the last 20 characters of a key.
  const suffix = facts.apiKey?.slice(-20)
  const customApiKeyResponses = suffix === undefined || approved.includes(suffix) ? config.customApiKeyResponses : { rejected: [], ...config.customApiKeyResponses, approved: [...approved, suffix] }
  return JSON.stringify({
    ...config,
    hasCompletedOnboarding: true,
    // Whoever chose `skip` for the workspace has accepted what the program would ask once more.
    ...(facts.skipsQuestions ? { bypassPermissionsModeAccepted: true } : {}),
    ...(customApiKeyResponses === undefined ? {} : { customApiKeyResponses }),
    projects: { ...config.projects, [facts.workDir]: { ...project, hasTrustDialogAccepted: true } },
  })
}
const Config = z.looseObject({
  projects: z.record(z.string(), z.looseObject({})).optional(),
  customApiKeyResponses: z.looseObject({ approved: z.array(z.string()).optional() }).optional(),
}).catch({})
