/**
 * `reap`, a word of the server's process, because it has the providers: without a database, and without a server. Which
 * installations were of this home stands in a file of it, also when the database is gone.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { lookAlone, removeAlone, type Found, type Provider } from '@berth/core'
import { BerthError } from '@berth/wire'
import { SERVER_FILE } from '@berth/wire/server-file'
import type { ReapedAlone } from '@berth/wire/reap'
import { hintOf, messageOf } from '../thrown.ts'
import { defaultHome, knownInstallations, lockHome } from './home.ts'
import { createProviders } from './providers/index.ts'

const CHECK_WITHIN_MS = 20_000
const INSTALLATION = /^[0-9a-f]{32}$/

interface WordContext { readonly env: Readonly<Record<string, string | undefined>>; readonly out: (line: string) => void; readonly input: () => Promise<string> }

/** Prints one line of JSON. With `--delete` it removes what standard input names, a JSON list of keys that it printed before. */
export async function runReapWord(args: readonly string[], { env, out, input }: WordContext): Promise<void> {
  const { values } = parseArgs({ args: [...args], options: { home: { type: 'string' }, provider: { type: 'string' }, installation: { type: 'string' }, delete: { type: 'boolean' } } })
  const home = values.home ?? defaultHome(env)
  const installations = await installationsOf(home, values.installation)
  const wanted = values.delete === true ? new Set(JSON.parse(await input()) as string[]) : null
  const reaped: { -readonly [K in keyof ReapedAlone]: ReapedAlone[K] extends readonly (infer T)[] ? T[] : ReapedAlone[K] } = { installations, providers: [], found: [], removed: [], failed: [] }
  for (const installation of installations) {
    for (const provider of chosen(createProviders({ home, installation, log: () => {} }), values.provider)) await reapAt(reaped, { provider, installation, wanted })
  }
  out(JSON.stringify(reaped satisfies ReapedAlone))
}

async function reapAt(reaped: { providers: unknown[]; found: unknown[]; removed: string[]; failed: unknown[] }, { provider, installation, wanted }: { provider: Provider; installation: string; wanted: ReadonlySet<string> | null }): Promise<void> {
  const { name } = provider
  const signal = new AbortController().signal
  const check = await provider.check(AbortSignal.timeout(CHECK_WITHIN_MS)).catch((error: unknown) => ({ ok: false, detail: messageOf(error), hint: null }))
  if (!check.ok) {
    reaped.providers.push({ name, installation, looked: false, complete: false, detail: check.detail, hint: check.hint })
    return
  }
  try {
    const { found, complete, missing } = await lookAlone(provider, installation, signal)
    reaped.providers.push({ name, installation, looked: true, complete, detail: complete ? check.detail : missing.join('; '), hint: null })
    reaped.found.push(...found.map(shown))
    for (const each of found.filter(({ key }) => wanted?.has(key) === true)) {
      await removeAlone({ wait: (ms) => Bun.sleep(ms), now: Date.now }, { provider, found: each }, signal)
        .then(() => void reaped.removed.push(each.key), (error: unknown) => void reaped.failed.push({ key: each.key, message: messageOf(error) }))
    }
  } catch (error) {
    reaped.providers.push({ name, installation, looked: false, complete: false, detail: messageOf(error), hint: hintOf(error) })
  }
}

const shown = ({ key, provider, kind, name, owner, state, createdAt, price }: Found): ReapedAlone['found'][number] => ({
  key, provider, kind, name, workspaceId: owner.workspaceId, generation: owner.generation, installation: owner.installation, state, createdAt, currency: price?.currency ?? null, microsPerHour: price?.microsPerHour ?? null,
})

function chosen(providers: readonly Provider[], name: string | undefined): readonly Provider[] {
  if (name === undefined) return providers
  const found = providers.filter((provider) => provider.name === name)
  if (found.length > 0) return found
  throw new BerthError('provider_unknown', `there is no provider "${name}"`, { hint: `providers here: ${providers.map((provider) => provider.name).join(', ')}` })
}

/** What a running server answers for is its own reaper's. */
async function installationsOf(home: string, given: string | undefined): Promise<string[]> {
  if (given !== undefined && !INSTALLATION.test(given)) throw new BerthError('bad_request', `"${given}" is no installation`, { hint: 'it is 32 hexadecimal digits: in the labels of each machine, and in `berth server --json`' })
  const known = given === undefined ? await knownInstallations(home) : [given]
  if (known.length === 0) throw new BerthError('not_found', `no server ever ran in ${home}, so nothing says whose machines to look for`, { hint: 'give it with --installation: it stands in the labels of each machine' })
  const served = await servedIn(home)
  const mine = known.filter((installation) => installation !== served)
  if (mine.length === 0) throw new BerthError('server_running', 'a server of this home runs and answers for these machines', { hint: 'its own reaper removes what nobody answers for; `berth delete` removes the others. `berth server stop` first, to do without it' })
  return mine
}

async function servedIn(home: string): Promise<string | null> {
  try {
    lockHome(home)()
    return null
  } catch (error) {
    if (!(error instanceof BerthError) || error.code !== 'server_running') throw error
    const text = await readFile(join(home, SERVER_FILE), 'utf8').catch(() => '{}')
    const { installation } = JSON.parse(text) as { installation?: string }
    // It starts or ends: its machines are the newest ones'.
    return installation ?? (await knownInstallations(home)).at(-1) ?? null
  }
}
