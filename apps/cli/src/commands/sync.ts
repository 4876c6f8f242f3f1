import { textOf } from '@berth/wire/git-bytes'
import type { SyncResult } from '@berth/wire/sync-frames'
import { cleanLine } from '../clean.ts'
import { atMost, command } from '../command.ts'
import type { Io } from '../io.ts'
import { readyWorkspace } from '../ssh/ready.ts'
import { placeOf } from '../source/take.ts'
import { workspaceOfHere } from '../sync/of-here.ts'
import { pushCode } from '../sync/push-code.ts'
import { runSync, type SyncTold } from '../sync/session.ts'
import { plural } from '../words.ts'

const NAMED = 20

export const sync = command({
  name: 'sync',
  summary: 'Keep a running workspace as your directory is, file by file as you save',
  arguments: '[workspace]',
  options: {
    include: { type: 'string', multiple: true, value: 'path', help: 'send this too, although it is ignored or looks like a secret: a path, a directory or a glob' },
    once: { type: 'boolean', help: 'bring it up to date and return; exit code 1 when files were kept as the agent changed them' },
    start: { type: 'boolean', help: 'start the workspace first when it is stopped' },
  },
  notes: 'One way: nothing here is ever changed; `berth pull` brings the work back. What git ignores stays home. A file that the\nagent changed is not overwritten: it is named, and stays as it is there. Commits that you make travel too. ^C ends it.',
  examples: ['berth sync', 'berth sync demo', 'berth sync demo --include .env', 'berth sync demo --once'],
  parse({ values, positionals }) {
    atMost(1, positionals, 'sync')
    return { word: positionals[0], include: values.include ?? [], once: values.once === true, start: values.start === true }
  },
  async run(context, { word, include, once, start }) {
    const { signal, cwd, home, io, json } = context
    const place = await placeOf(cwd, signal)
    const connection = await context.connect()
    const { id } = await workspaceOfHere(connection.client, { word, path: place.path, verb: 'sync' }, signal)
    const workspace = await readyWorkspace(context, connection, { word: id, start, verb: 'sync' })
    const told = json ? asJson(io) : inWords(io, workspace.name)
    if (!once) return runSync({ connection, findAgain: async (before) => (await import('../server-process/find-again.ts')).findAgain(home, before), workspace, place, include, signal, told })
    const outcome = await pushCode(context, connection, { workspace, place, include, strategy: 'keep', onProgress: () => {} })
    told.caughtUp(outcome)
    if (outcome.keptTotal > 0) context.exitWith(1)
  },
})

function asJson(io: Io): SyncTold {
  const say = (value: object): void => io.out(JSON.stringify(value))
  const paths = (results: readonly SyncResult[]): string[] => results.slice(0, NAMED).map(({ path }) => textOf(path))
  return {
    caughtUp: ({ taken, ...outcome }) => say({ event: 'caught-up', ...outcome, leftAtHome: taken.kept }),
    sent(results, sinceMs) {
      const by = (what: SyncResult['what']): SyncResult[] => results.filter((one) => one.what === what)
      say({ event: 'sent', ms: Math.round(sinceMs), count: results.length, written: by('written').length, paths: paths(results), kept: by('kept').map(({ path, why }) => ({ path: textOf(path), why })), failed: by('failed').map(({ path, why }) => ({ path: textOf(path), why })) })
    },
    lost: (why) => say({ event: 'lost', why }),
  }
}

function inWords(io: Io, name: string): SyncTold {
  const { style } = io
  const warned = new Set<string>()
  let lostBy: string | null = null
  const keep = (path: string, why: string): void => {
    if (warned.has(path)) return
    warned.add(path)
    io.note(`${io.noteStyle.yellow('⚠')} ${cleanLine(path)} stays as it is there: ${cleanLine(why, 200)}`)
    if (warned.size === 1) io.note(`  ${io.noteStyle.dim(`berth pull ${name} brings theirs to you; berth push ${name} --force sends yours`)}`)
  }
  return {
    caughtUp({ files, kept, keptTotal, taken }) {
      lostBy = null
      if (taken.kept.length > 0) io.note(io.noteStyle.dim(`left at home because they look like secrets: ${taken.kept.slice(0, 6).map((path) => cleanLine(path, 80)).join(', ')}`))
      for (const path of kept) keep(path, 'both sides changed it')
      if (keptTotal > kept.length) io.note(`  and ${keptTotal - kept.length} more`)
      io.out(`${style.green('✓')} ${style.bold(name)} has what is here${files === 0 ? '' : `: ${plural(files, 'file')} changed there`}`)
    },
    sent(results, sinceMs) {
      const done = results.filter(({ what }) => what === 'written' || what === 'already')
      for (const { path, what, why } of results) {
        if (what === 'written' || what === 'already') warned.delete(textOf(path))
        else keep(textOf(path), why ?? 'it could not be written')
      }
      const [first] = done
      if (first !== undefined) io.out(`→ ${done.length === 1 ? cleanLine(textOf(first.path)) : plural(done.length, 'file')}${done.length === 1 && first.entry === null ? ' (deleted)' : ''} ${style.dim(`${Math.round(sinceMs)} ms`)}`)
    },
    lost(why) {
      if (why !== lostBy) io.note(`${io.noteStyle.yellow('⚠')} not connected (${cleanLine(why, 160)}); trying again`)
      lostBy = why
    },
  }
}
