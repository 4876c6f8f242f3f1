/**
 * Who commits in this machine are by, for every git that says nothing else: a file that stands in the place of the
 * system's own, so that what a person or a repository configures goes before it. Who helped is added by hooks of git's
 * template, which a repository's own hooks stand beside or instead of; signatures are asked of the server.
 */
import { chmodSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { AssignedCommits } from '@berth/wire/commits'
import { COMMITS_ENV } from '../git/commits-as.ts'
import { shellQuoted } from '../shell-quoted.ts'

export interface CommitConfig {
  /** For every git of the workspace. */
  environment(): Readonly<Record<string, string>>
  apply(commits: AssignedCommits | undefined): void
}
interface CommitConfigDeps {
  readonly runDir: string
  /** Where a commit is sent to be signed. Holds the gateway's secret: only the agent's user and the daemon come to it. */
  readonly signUrl: () => string
  readonly self: (...args: string[]) => string[]
}

const SYSTEM = '/etc/gitconfig'

export function createCommitConfig({ runDir, signUrl, self }: CommitConfigDeps): CommitConfig {
  const config = join(runDir, 'gitconfig-system')
  const template = join(runDir, 'git-template')
  const program = join(runDir, 'sign-commit')
  let environment: Readonly<Record<string, string>> = {}
  return {
    environment: () => environment,
    apply(commits) {
      if (commits === undefined) {
        environment = {}
        rmSync(config, { force: true })
        return
      }
      writeTemplate(template)
      if (commits.signingKey !== null) put(program, `#!/bin/sh\nBERTH_SIGN_URL=${shellQuoted(signUrl())} exec ${self('sign-commit').map(shellQuoted).join(' ')} "$@"\n`, 0o755)
      put(config, configOf(commits, { template, program }), 0o644)
      environment = {
        GIT_CONFIG_SYSTEM: config, [COMMITS_ENV.template]: template, [COMMITS_ENV.name]: commits.name, [COMMITS_ENV.email]: commits.email,
        ...(commits.coAuthor === null ? {} : { [COMMITS_ENV.coAuthor]: commits.coAuthor }), ...(commits.signingKey === null ? {} : { [COMMITS_ENV.program]: program, [COMMITS_ENV.key]: `key::${commits.signingKey}` }),
      }
    },
  }
}

function configOf({ name, email, coAuthor, signingKey }: AssignedCommits, { template, program }: { template: string; program: string }): string {
  return [
    `[include]\n\tpath = ${quoted(SYSTEM)}`, `[user]\n\tname = ${quoted(name)}\n\temail = ${quoted(email)}`, `[init]\n\ttemplateDir = ${quoted(template)}`,
    ...(coAuthor === null ? [] : [`[berth]\n\tcoAuthor = ${quoted(coAuthor)}`]),
    ...(signingKey === null ? [] : [`[user]\n\tsigningKey = ${quoted(`key::${signingKey}`)}\n[gpg]\n\tformat = ssh\n[gpg "ssh"]\n\tprogram = ${quoted(program)}\n[commit]\n\tgpgSign = true`]), '',
  ].join('\n')
}
const quoted = (text: string): string => `"${text.replaceAll(/[\p{Cc}]/gu, ' ').replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`

/**
 * What is written by `-m` gets the line before an editor could see it, what is written in an editor afterwards, so that an
 * empty message stays empty. Commits that are only moved, as a rebase does, keep their words.
 */
const ADD = `who=$(git config --get berth.coAuthor) || exit 0
case "$who" in false|no|off|"") exit 0 ;; esac
dir=$(git rev-parse --git-dir)
[ -d "$dir/rebase-merge" ] || [ -d "$dir/rebase-apply" ] || [ -e "$dir/CHERRY_PICK_HEAD" ] || [ -e "$dir/REVERT_HEAD" ] && exit 0
grep -qv '^[[:space:]]*\\(#.*\\)\\{0,1\\}$' "$1" || exit 0
exec git interpret-trailers --in-place --if-exists addIfDifferent --trailer "Co-authored-by: $who" "$1"
`
const HOOKS: Readonly<Record<string, string>> = {
  'prepare-commit-msg': `#!/bin/sh\n# Names who helped. \`git config berth.coAuthor off\` leaves it out here.\n[ "$2" = message ] || [ "$2" = commit ] || exit 0\n${ADD}`,
  'commit-msg': `#!/bin/sh\n# Names who helped. \`git config berth.coAuthor off\` leaves it out here.\n${ADD}`,
}

function writeTemplate(dir: string): void {
  mkdirSync(join(dir, 'hooks'), { recursive: true })
  mkdirSync(join(dir, 'info'), { recursive: true })
  for (const each of [dir, join(dir, 'hooks'), join(dir, 'info')]) chmodSync(each, 0o755)
  put(join(dir, 'info', 'exclude'), '', 0o644)
  for (const [name, text] of Object.entries(HOOKS)) put(join(dir, 'hooks', name), text, 0o755)
}

/** Whole or not at all: git may read it now. */
function put(path: string, text: string, mode: number): void {
  writeFileSync(`${path}.new`, text, { mode })
  chmodSync(`${path}.new`, mode)
  renameSync(`${path}.new`, path)
}
