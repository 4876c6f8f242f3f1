/**
 * git asks us for a password when it needs one (`credential.helper`), so that none stands in a configuration, an address
 * or a command line. What git says is read from standard input, as gitcredentials(7) has it.
 */
import { BerthError } from '@berth/wire/error'
import type { Context } from '../context.ts'
import { selfCli } from '../self.ts'
import { tokenOf } from './find.ts'

const quoted = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`
/** Settings that make git ask us for that host's passwords, and nobody else. No secret is among them. */
export function helperSettings(repositoryUrl: string): readonly (readonly [string, string])[] {
  const { origin, hostname } = new URL(repositoryUrl)
  const local = /^(127\.|localhost$|\[::1\]$)|\.localhost$/.test(hostname)
  return [
    [`credential.${origin}.helper`, ''],
    [`credential.${origin}.helper`, `!${selfCli(['repos', 'credential']).map(quoted).join(' ')}`],
    [`credential.${origin}.useHttpPath`, 'true'],
    ...(local ? ([[`http.${origin}/.proxy`, '']] as const) : []),
  ]
}

/** `get`: writing where that is allowed, reading where it is not. Git's other questions need no answer: nothing is kept. */
export async function answerGit(context: Context, question: string): Promise<void> {
  if (question !== 'get') return
  const asked = Object.fromEntries((await Bun.stdin.text()).split('\n').flatMap((line) => (line.includes('=') ? [[line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)] as const] : [])))
  const { client } = await context.connect()
  const url = `${asked['protocol'] ?? ''}://${asked['host'] ?? ''}/${(asked['path'] ?? '').replace(/\/+$/, '')}`
  const repository = (await client.listHostedRepositories(context.signal)).find((each) => each.url === url || each.url === `${url}.git`)
  // Not ours: git asks somebody else, or the person.
  if (repository === undefined) return
  const made = await tokenOf(client, repository, { access: 'write' }, context.signal).catch((error: unknown) => {
    if (error instanceof BerthError && error.code === 'forbidden') return tokenOf(client, repository, { access: 'read' }, context.signal)
    throw error
  })
  context.io.out([`username=${made.username}`, `password=${made.token}`, `password_expiry_utc=${Math.floor(made.expiresAt / 1000)}`].join('\n'))
}
