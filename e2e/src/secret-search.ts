/** Looks for secrets in all that a shell of a workspace can read. It first has to find one that was put there. */
import { formsOf } from './secret-forms.ts'

type Run = (script: string) => Promise<{ readonly stdout: string }>

/** Environment and arguments of every process, git's settings, and the content of the files that a workspace has of its own. */
const READ_ALL = `env; git config --list --show-origin 2>/dev/null; cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline 2>/dev/null; find /run/berth /run/berth-boot "$HOME" /workspace -type f -size -20M -exec cat {} + 2>/dev/null; true`
const PLANTED = 'planted-canary-7c1f0b9e4d'

/** Forms of the secrets that were found. Throws when the search would not have found one. */
export async function secretsFound(run: Run, ...secrets: readonly string[]): Promise<string[]> {
  const planted = formsOf(PLANTED)
  const { stdout } = await run(`printf '%s\\n' ${planted.map((form) => `'${form}'`).join(' ')} > "$HOME/planted"; ${READ_ALL}; rm -f "$HOME/planted"`)
  const missed = planted.filter((form) => !stdout.includes(form))
  if (missed.length > 0) throw new Error(`the search passes over what stands in a file: ${missed.join(', ')}`)
  return secrets.flatMap(formsOf).filter((form) => stdout.includes(form))
}
