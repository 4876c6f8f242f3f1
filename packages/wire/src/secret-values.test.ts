import { expect, it } from 'bun:test'
import { looksSecret } from './secret-values.ts'

it('takes names of secrets for secrets, and values that can be nothing else', () => {
  for (const name of ['ANTHROPIC_API_KEY', 'NPM_TOKEN', 'secret', 'DB_PASSWORD', 'GITHUB_PAT', 'AWS_SECRET_ACCESS_KEY', 'SECRET_KEY_BASE', 'SENTRY_DSN', 'apiKey', 'MY_CREDENTIALS', 'BASIC_AUTH', 'TOKEN_OF_CI']) expect([name, looksSecret(name, 'production')]).toEqual([name, true])
  for (const name of ['NODE_ENV', 'STAGE', 'OPENAI_BASE_URL', 'OPENAI_MODEL', 'AUTHOR', 'MONKEYS', 'PATH', 'COMPASS', 'KEYBOARD', 'PRIVATE_MODE']) expect([name, looksSecret(name, 'production')]).toEqual([name, false])
  for (const value of ['postgres://ada:placeholder@db.example.com/app', '-----BEGIN OPENSSH PRIVATE KEY-----\nx', 'ghp_placeholder', 'sk-placeholder', 'eyJhbGciOiJub25l.e30.']) expect([value, looksSecret('URL', value)]).toEqual([value, true])
  for (const value of ['https://example.com/a:b', 'production', 'http://host.docker.internal:8080/v1', 'mailto:ada@example.com']) expect([value, looksSecret('URL', value)]).toEqual([value, false])
})
