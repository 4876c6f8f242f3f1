/** Slash commands: those of the agent's own that make sense from a phone, and what project and user wrote. */
import type { DaemonResult } from '@berth/wire/daemon'
import type { AsAgent } from '../../contracts.ts'
import { askLook } from './ask-look.ts'

type Command = DaemonResult<'agent.commands'>[number]

/** Of the pinned Claude Code, without those that open a menu on its own screen or sign it in and out. */
const CLAUDE: readonly (readonly [string, string])[] = [
  ['clear', 'Start anew with an empty context'], ['compact', 'Sum the conversation up to free context'], ['context', 'How full the context is'],
  ['model', 'With a name: /model sonnet'], ['effort', 'With a level: low, medium, high'], ['plan', 'Plan before doing'],
  ['recap', 'The session in one line'], ['goal', 'With a goal to check before stopping'], ['rename', 'With a new name of the conversation'],
]

const COMMANDS = 300
/** What describes it stands at its beginning. */
const FILE_LIMIT_BYTES = 16 * 1024
const NAME = /^[A-Za-z0-9][\w:.-]{0,99}$/

export async function listCommands(deps: { asAgent: AsAgent; workDir: string; homeDir: string; agent: string }, signal: AbortSignal): Promise<Command[]> {
  if (deps.agent !== 'claude') return []
  const own: Command[] = CLAUDE.map(([name, description]) => ({ name, description, from: 'agent' }))
  const [project, user] = await Promise.all([writtenIn(deps.asAgent, deps.workDir, signal), writtenIn(deps.asAgent, deps.homeDir, signal)])
  const all = [...project.map((command) => ({ ...command, from: 'project' as const })), ...user.map((command) => ({ ...command, from: 'user' as const })), ...own]
  const seen = new Set<string>()
  return all.filter(({ name }) => !seen.has(name) && seen.add(name)).slice(0, COMMANDS)
}

async function writtenIn(asAgent: AsAgent, dir: string, signal: AbortSignal): Promise<{ name: string; description: string }[]> {
  const found: { name: string; description: string }[] = []
  for (const [sub, pattern] of [['.claude/commands', /^(.+)\.md$/], ['.claude/skills', /^([^/]+)\/SKILL\.md$/]] as const) {
    // The root is the project's or the user's, so a link out of it is not followed.
    const listed = await askLook(asAgent, { do: 'walk', root: `${dir}/${sub}`, limit: COMMANDS }, signal)
    if ('refused' in listed) continue
    const names = new Map<string, string>(listed.entries.flatMap(({ path }) => {
      const name = pattern.exec(path)?.[1]?.split('/').join(':')
      return name === undefined || !NAME.test(name) ? [] : [[`${sub}/${path}`, name]]
    }))
    if (names.size === 0) continue
    const read = await askLook(asAgent, { do: 'read-all', root: dir, paths: [...names.keys()], limitBytes: FILE_LIMIT_BYTES }, signal)
    if ('refused' in read) continue
    for (const { path, base64 } of read.files) found.push({ name: names.get(path) ?? '', description: descriptionIn(Buffer.from(base64, 'base64').toString('utf8')) })
  }
  return found
}

/** `description:` of the front matter, else the first line that says something. */
export function descriptionIn(text: string): string {
  const front = /^---\r?\n([\s\S]*?)\r?\n---/.exec(text)
  const named = front?.[1]?.split(/\r?\n/).find((line) => line.startsWith('description:'))?.slice('description:'.length).trim().replace(/^(["'])(.*)\1$/, '$2')
  const line = named || text.slice(front?.[0].length ?? 0).split(/\r?\n/).map((one) => one.replace(/^#+\s*/, '').trim()).find((one) => one !== '')
  return (line ?? '').slice(0, 200)
}
