import { expect, test } from 'bun:test'
import { isRunByHost, secretInLine } from './secret-scan.ts'

const chance = 'aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC2eF4hJ6'
test.each([
  ['a private key', '-----BEGIN OPENSSH PRIVATE KEY-----'], ['an access key of AWS', 'aws = AKIAIOSFODNN7EXAMPLE'], ['a token of GitHub', `x: ghp_${chance}`], ['a token of GitHub', `github_pat_${chance}_${chance}`],
  ['a token of GitLab', `glpat-${chance.slice(0, 20)}`], ['a key of Anthropic', `sk-ant-api03-${chance}`], ['a key of OpenAI', `sk-proj-${chance}`], ['a key of Google', `AIza${chance.slice(0, 35)}`], ['a token of Slack', 'xoxb-123456789012-abcdef'],
  ['a key of Stripe', `sk_live_${chance}`], ['a token of npm', `//registry/:_authToken=npm_${chance}`], ['a password in an address', 'postgres://app:hunter2hunter2@db.internal/x'], ['something that looks like a secret', `API_KEY="${chance}"`],
])('%s is found', (kind, line) => { expect(secretInLine(line)).toBe(kind) })
test.each(['const token = readToken()', 'password: process.env.DATABASE_PASSWORD_OF_TEST', 'postgres://app:password@localhost/x', 'secret_name = "the-name-of-the-secret-in-vault"', `sha512-${chance}${chance}==`, 'integrity: abc', 'sk-learn is a library'])('nothing in %j', (line) => { expect(secretInLine(line)).toBeNull() })
test('a long line is looked at where somebody would paste', () => { expect(secretInLine(`${'x '.repeat(100_000)}ghp_${chance}`)).toBe('a token of GitHub') })
test('files that a host runs', () => {
  expect(['.github/workflows/ci.yml', '.GitHub/Workflows/x', '.gitlab-ci.yml', 'Jenkinsfile'].map(isRunByHost)).toEqual([true, true, true, true])
  expect(['docs/.github/workflows/ci.yml', '.github/CODEOWNERS', 'src/Jenkinsfile.ts'].map(isRunByHost)).toEqual([false, false, false])
})
