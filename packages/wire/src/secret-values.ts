/** Which variables hold a secret, where nobody said so: by their names, and by values that can be nothing else. No run-time dependencies. */
const NAME = /(^|_)(API_?KEYS?|KEYS?|TOKENS?|SECRETS?|PASSWORDS?|PASSWD|PASSPHRASE|PASS|PWD|PAT|CREDENTIALS?|PRIVATE|AUTH|DSN|COOKIES?)$|(KEY|TOKEN|SECRET|PASSWORD|CREDENTIALS?)(_|$)/i
/** An address with a password in it, a key file, and what makers of tokens begin theirs with. */
const VALUE = /:\/\/[^/\s:@]*:[^/\s@]+@|-----BEGIN [A-Z ]*PRIVATE KEY|^(?:sk-|rk_|gh[pousr]_|github_pat_|glpat-|xox[abp]-|AKIA[0-9A-Z]{12}|AIza|eyJ[\w-]{10,}\.)/

export const hasSecretName = (name: string): boolean => NAME.test(name)
export const looksSecret = (name: string, value: string): boolean => NAME.test(name) || VALUE.test(value)
