import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { BerthError } from '@berth/wire/error'
import { command, one } from '../command.ts'
import type { Context } from '../context.ts'
import { showProgress } from '../up/progress.ts'

export const restore = command({
  name: 'restore',
  summary: 'Make a workspace of a backup, or put back what a file of the server holds',
  arguments: '<backup> | <file>',
  options: {
    name: { type: 'string', value: 'name', help: 'of the new workspace' },
    provider: { type: 'string', value: 'name', help: 'where it runs; else where it was, if that is here' },
    key: { type: 'string', value: 'file', help: 'master.key of the server that made it, when that was another one' },
    'no-wait': { type: 'boolean', help: 'return when it is begun' },
    replace: { type: 'boolean', help: 'of a file: delete what the server knows now (it is backed up first)' },
    yes: { type: 'boolean', short: 'y', help: 'do not ask' },
  },
  examples: ['berth restore sav_4k2m9p7q1xyz', 'berth restore sav_4k2m9p7q1xyz --provider hetzner --name again', 'berth restore sav_4k2m9p7q1xyz --key ./old-master.key', 'berth restore berth-2026-11.backup --replace'],
  notes: 'Variables and logins are not in a backup: give them again with `berth up --from`.\nFor a file, stop the server first. Afterwards the reaper is held until `berth server release-reaper`.',
  parse: ({ values, positionals }) => ({ word: one(positionals, 'backup or file', 'restore'), values }),
  async run(context, { word, values }) {
    if (/[./\\]/.test(word)) return restoreFile(context, word, { replace: values.replace ?? false, yes: values.yes ?? false })
    const keys = values.key === undefined ? undefined : await keysFrom(resolve(context.cwd, values.key))
    const connection = await context.connect()
    const request = { ref: word, ...(values.name === undefined ? {} : { name: values.name }), ...(values.provider === undefined ? {} : { provider: values.provider }), ...(keys === undefined ? {} : { keys }), idempotencyKey: crypto.randomUUID() }
    const workspace = await connection.client.restoreSaved(request, context.signal)
    await showProgress(context, connection, { workspace, after: 0, wait: values['no-wait'] !== true })
  },
})

async function keysFrom(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    throw new BerthError('not_found', `there is no key in ${path}`, { hint: 'the file is master.key in the home of the server that made the backup', cause })
  }
}

async function restoreFile(context: Context, file: string, { replace, yes }: { replace: boolean; yes: boolean }): Promise<void> {
  if (replace && !yes) {
    if (!context.io.interactive) throw new BerthError('bad_request', 'replacing needs a yes', { hint: `berth restore ${file} --replace -y` })
    if (!/^y(es)?$/i.test(await context.io.ask('Replace everything the server knows? [y/N] '))) throw new BerthError('cancelled', 'nothing was changed')
  }
  await (await import('./serve.ts')).runServerWord(context, ['restore', file, ...(replace ? ['--replace'] : []), ...(context.json ? ['--json'] : [])])
}
