/** A repository with every state that git knows goes up and comes back, and is the same at each place. */
import { createHash } from 'node:crypto'
import { chmodSync, lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { git } from '../repository.ts'
import type { World } from './sync-world.ts'

/** What must be the same: status with modes and ids, index, and the worktree itself. */
export interface Seen { readonly status: string; readonly index: string; readonly indexTree: string; readonly head: string; readonly files: Record<string, string> }

const PER_DIRECTORY = 100

export async function everyState(world: World, name: string, files: number): Promise<string> {
  const module = await world.repository(`${name}-module`)
  writeFileSync(join(module, 'in-module'), 'module\n')
  await git(module, 'add', '.')
  await git(module, 'commit', '-q', '-m', 'module')
  const dir = await world.repository(name)
  const write = (path: string, text: string | Uint8Array): void => {
    mkdirSync(join(dir, path, '..'), { recursive: true })
    writeFileSync(join(dir, path), text)
  }
  for (let at = 0; at < files; at++) write(`src/${Math.floor(at / PER_DIRECTORY)}/${at}.ts`, `export const value${at} = ${at}\n`.repeat(3))
  write('.gitattributes', '*.crlf text eol=crlf\n*.bin filter=lfs diff=lfs merge=lfs -text\n')
  write('.gitignore', 'ignored/\n*.log\n')
  write('windows.crlf', 'one\r\ntwo\r\n')
  write('raw-crlf.txt', 'kept\r\nas it is\r\n')
  write('large.bin', 'version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n')
  for (const path of ['staged', 'changed', 'both', 'gone', 'gone-staged', 'moved', 'moved-changed', 'script', 'becomes-link', 'becomes-dir', 'äöü', 'line\nbreak', ' space ', '-dash']) write(path, `${path}\n`.repeat(20))
  const strange = Buffer.concat([Buffer.from(`${dir}/`), Buffer.from([0xfe, 0x2e, 0x74])])
  writeFileSync(strange, 'no utf-8\n')
  symlinkSync('src', join(dir, 'link-to-directory'))
  symlinkSync('../nowhere/at all', join(dir, 'link-broken'))
  chmodSync(join(dir, 'script'), 0o755)
  await git(dir, '-c', 'protocol.file.allow=always', 'submodule', '--quiet', 'add', module, 'vendor/module')
  await git(dir, 'add', '-A')
  await git(dir, 'commit', '-q', '-m', 'everything')

  write('staged', 'staged\n')
  write('both', 'staged\n')
  await git(dir, 'add', 'staged', 'both')
  write('both', 'and changed\n')
  write('changed', 'changed\n')
  rmSync(join(dir, 'gone'))
  await git(dir, 'rm', '-q', 'gone-staged')
  await git(dir, 'mv', 'moved', 'src/moved-here')
  await git(dir, 'mv', 'moved-changed', 'moved-and-changed')
  write('moved-and-changed', 'changed after the move\n')
  chmodSync(join(dir, 'changed'), 0o755)
  chmodSync(join(dir, 'script'), 0o644)
  rmSync(join(dir, 'becomes-link'))
  symlinkSync('script', join(dir, 'becomes-link'))
  rmSync(join(dir, 'becomes-dir'))
  write('becomes-dir/inside', 'inside\n')
  write('windows.crlf', 'one\r\ntwo\r\nthree\r\n')
  write('untracked/deep/file', 'untracked\n')
  write('untracked/run.sh', '#!/bin/sh\n')
  chmodSync(join(dir, 'untracked/run.sh'), 0o755)
  symlinkSync('/etc/hostname', join(dir, 'untracked/absolute'))
  write('untracked/empty', '')
  write('binary', new Uint8Array([0, 1, 2, 255, 10, 13, 10]))
  write('ignored/not-sent', 'stays\n')
  return dir
}

export async function seen(ask: (...args: string[]) => Promise<string>, dir: string): Promise<Seen> {
  const still = (...args: string[]) => ask('--no-optional-locks', ...args)
  return {
    status: await still('status', '--porcelain=v2', '-z', '--untracked-files=all', '--ignore-submodules=none'),
    index: await still('ls-files', '-s', '-z'), indexTree: await still('write-tree'), head: await still('rev-parse', 'HEAD'),
    files: await filesOf(dir),
  }
}

/** Mode and content or target of each file, without what git does not look at. */
export async function filesOf(dir: string, skip: (path: string) => boolean = (path) => path === '.git' || path === 'ignored' || path === 'vendor/module'): Promise<Record<string, string>> {
  const found: Record<string, string> = {}
  const walk = (below: string): void => {
    for (const name of readdirSync(Buffer.from(join(dir, below), 'latin1'), { encoding: 'buffer' })) {
      const path = `${below === '' ? '' : `${below}/`}${name.toString('latin1')}`
      if (skip(path)) continue
      const whole = Buffer.from(`${dir}/${path}`, 'latin1')
      const stats = lstatSync(whole)
      if (stats.isDirectory()) walk(path)
      else found[path] = stats.isSymbolicLink() ? `link ${readlinkSync(whole)}` : `${(stats.mode & 0o100) === 0 ? 'file' : 'program'} ${createHash('sha256').update(readFileSync(whole)).digest('hex')}`
    }
  }
  walk('')
  return found
}

/** All of a `.git` that a pull must leave as it is: everything but new objects and what stands under `berth/`. */
export async function gitFiles(dir: string): Promise<Record<string, string>> {
  const files = await filesOf(join(dir, '.git'), (path) => path === 'objects' || path === 'refs/heads/berth' || path === 'logs/refs/heads/berth')
  return { ...files, config: readFileSync(join(dir, '.git/config'), 'utf8') }
}
