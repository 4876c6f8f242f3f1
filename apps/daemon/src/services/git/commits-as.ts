/** Who commits are by, for git that the daemon runs itself: it takes nothing of the system's or the home's configuration. */
export const COMMITS_ENV = { template: 'BERTH_GIT_TEMPLATE', name: 'BERTH_COMMIT_NAME', email: 'BERTH_COMMIT_EMAIL', coAuthor: 'BERTH_CO_AUTHOR', program: 'BERTH_SIGN_PROGRAM', key: 'BERTH_SIGN_KEY' } as const

export interface CommitsAs {
  /** Null: nobody in particular. */
  readonly identity: Readonly<Record<string, string>> | null
  readonly coAuthor: string | null
  /** Null: not signed. */
  readonly signing: readonly (readonly [string, string])[] | null
  readonly template: string | null
}

export function commitsAs(environment: Readonly<Record<string, string>>): CommitsAs {
  const { [COMMITS_ENV.name]: name, [COMMITS_ENV.email]: email, [COMMITS_ENV.coAuthor]: coAuthor, [COMMITS_ENV.program]: program, [COMMITS_ENV.key]: key, [COMMITS_ENV.template]: template } = environment
  return {
    identity: name === undefined || email === undefined ? null : { GIT_AUTHOR_NAME: name, GIT_AUTHOR_EMAIL: email, GIT_COMMITTER_NAME: name, GIT_COMMITTER_EMAIL: email },
    coAuthor: coAuthor ?? null, template: template ?? null,
    signing: program === undefined || key === undefined ? null : [['gpg.format', 'ssh'], ['gpg.ssh.program', program], ['user.signingKey', key]],
  }
}
