/**
 * Tells which paths of a directory may have changed. The events are hints; what is true is looked at afterwards. On Linux
 * each directory that git does not ignore, and that is in no repository of its own, has a watch of its own: one recursive
 * watch would hold `node_modules` too.
 */
import { watch } from 'node:fs'
import type { FSWatcher } from 'node:fs'
import { BerthError } from '@berth/wire/error'
import { entriesOf, isGits, joined, nestedIn, onDisk, statOrNone } from './paths.ts'

export interface TreeWatch {
  /** Watches those of these that are directories, with what is below them. What is new below them comes by `onDirty`. */
  add(dirs: readonly string[]): Promise<void>
  close(): void
}
export interface WatchOptions {
  readonly top: string
  /** Which of these directories nobody wants to hear of. */
  readonly ignored: (dirs: readonly string[]) => Promise<ReadonlySet<string>>
  /** A name that cannot be told comes as its directory with a slash behind it. */
  readonly onDirty: (path: string) => void
  readonly onError: (error: Error) => void
}

export function watchTree(options: WatchOptions): TreeWatch {
  return process.platform === 'linux' ? watchEach(options) : watchWhole(options)
}

function watchWhole({ top, onDirty, onError }: WatchOptions): TreeWatch {
  const watcher = watch(top, { recursive: true }, (_, name) => onDirty(pathFrom('', name)))
  watcher.on('error', onError)
  return { add: async () => {}, close: () => watcher.close() }
}

function watchEach({ top, ignored, onDirty, onError }: WatchOptions): TreeWatch {
  const watchers = new Map<string, FSWatcher>()
  const forget = (dir: string): void => {
    watchers.get(dir)?.close()
    watchers.delete(dir)
  }
  const watchOne = (dir: string): boolean => {
    try {
      // A directory that was made anew under the same name has another watch.
      forget(dir)
      const watcher = watch(onDisk(top, dir), (_, name) => onDirty(pathFrom(dir, name)))
      watcher.on('error', () => forget(dir))
      watchers.set(dir, watcher)
      return true
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException
      if (code === 'ENOSPC' || code === 'EMFILE') onError(new BerthError('too_many', `this machine cannot watch more than ${watchers.size} directories`, { hint: 'sudo sysctl fs.inotify.max_user_watches=524288', cause }))
      return false
    }
  }
  return {
    async add(dirs) {
      const isNested = nestedIn(top)
      let level = dirs.filter((dir) => !isGits(dir) && statOrNone(top, dir)?.isDirectory() === true && !isNested(dir))
      while (level.length > 0) {
        const away = await ignored(level.filter((dir) => dir !== ''))
        // Watched first, listed then: what comes between the two is in one of them.
        level = level.filter((dir) => !away.has(dir) && watchOne(dir)).flatMap((dir) => directoriesIn(top, dir)).filter((dir) => !isNested(dir))
      }
    },
    close() {
      for (const dir of watchers.keys()) forget(dir)
    },
  }
}

function directoriesIn(top: string, dir: string): string[] {
  return entriesOf(top, dir).filter(({ path, directory }) => directory && !isGits(path)).map(({ path }) => path)
}

function pathFrom(dir: string, name: string | null | undefined): string {
  // What is no UTF-8 was lost on the way; the files of the directory are looked through.
  if (name === null || name === undefined || name.includes('\ufffd')) return `${dir}/`
  return joined(dir, Buffer.from(name).toString('latin1'))
}
