/**
 * An sshd for images that have none: this host's own, with the libraries and the loader it needs, so that it runs in any
 * root of the same processor (`ld.so --library-path lib sshd`). Where the host has none but has apt, Debian's package is
 * fetched by it, which checks signatures, and unpacked without being installed.
 *
 *   <dir>/ssh/current -> <hash>
 *   <dir>/ssh/<hash>/{sshd,ld.so,lib/…}   and sshd-session, sshd-auth where the host's OpenSSH (9.8 on) is several programs
 */
import { createHash, randomBytes } from 'node:crypto'
import { chmod, copyFile, mkdir, readFile, realpath, rename, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { exists } from './daemon-build.ts'
import { makeReadableDir } from './readable-dir.ts'
import { fetchSshd } from './ssh-fetch.ts'

interface Place { readonly dir: string; readonly log: (line: string) => void; /** Where to look for the host's; null: as if it had none. */ readonly hostSshd?: string | null }

const SBIN = '/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin'
/** Where distributions put what sshd starts for each connection. */
const HELPER_DIRS = ['usr/lib/openssh', 'usr/libexec/openssh', 'usr/libexec', 'usr/lib/ssh', 'lib/openssh'] as const
const HELPERS = ['sshd-session', 'sshd-auth'] as const
/** Loaded by the C library itself, to read the account files. */
const NAME_SERVICE = 'libnss_files.so.2'

/** Never throws: a workspace is whole without it, and says so when somebody comes by ssh. */
export async function ensureSshServer(place: Place, signal: AbortSignal): Promise<boolean> {
  if (process.platform !== 'linux') return false
  try {
    const own = place.hostSshd === undefined ? Bun.which('sshd', { PATH: SBIN }) : place.hostSshd
    if (own !== null) return await bring(place, { sshd: own, root: '/' }, signal)
    if (await exists(join(place.dir, 'ssh', 'current', 'sshd'))) return true
    return await fetchSshd(place.log, (root) => bring(place, { sshd: join(root, 'usr/sbin/sshd'), root }, signal), signal)
  } catch (cause) {
    place.log(`no sshd for images without one: ${cause instanceof Error ? cause.message : String(cause)}`)
    return false
  }
}

/** `root`: above the program and its libraries, which need not be this host's root. */
interface Source { readonly sshd: string; readonly root: string }

async function bring({ dir, log }: Place, source: Source, signal: AbortSignal): Promise<boolean> {
  const { size, mtimeMs } = await stat(source.sshd)
  const hash = createHash('sha256').update(`1 ${await realpath(source.sshd)} ${size} ${mtimeMs}\n`).digest('hex').slice(0, 16)
  const above = join(dir, 'ssh')
  if (!(await exists(join(above, hash, 'sshd')))) {
    signal.throwIfAborted()
    log(`bringing ${source.sshd} for images without an sshd`)
    await makeReadableDir(above)
    const staging = join(above, `.staging-${randomBytes(6).toString('hex')}`)
    try {
      await fill(staging, source)
      await rename(staging, join(above, hash)).catch(async (error: unknown) => {
        if (!(await exists(join(above, hash, 'sshd')))) throw error
      })
    } finally {
      await rm(staging, { recursive: true, force: true })
    }
  }
  await point(join(above, 'current'), hash)
  return true
}

async function fill(staging: string, source: Source): Promise<void> {
  for (const name of ['lib', 'libexec']) await mkdir(join(staging, name), { recursive: true })
  for (const path of [staging, join(staging, 'lib'), join(staging, 'libexec')]) await chmod(path, 0o755)
  const helpers: string[] = []
  for (const name of HELPERS) {
    const found = await firstThere(HELPER_DIRS.map((below) => join(source.root, below, name)))
    if (found !== null) helpers.push(found)
  }
  for (const program of [source.sshd, ...helpers]) await copyLibraries(program, staging, source)
  for (const helper of helpers) await wrap(helper, staging)
  const probe = Bun.spawnSync([join(staging, 'ld.so'), '--library-path', join(staging, 'lib'), source.sshd, '-?'], { env: {}, stdin: 'ignore', stdout: 'ignore', stderr: 'pipe' })
  if (!probe.stderr.toString().includes('OpenSSH')) throw new Error(`${source.sshd} does not run with its libraries beside it: ${probe.stderr.toString().trim().slice(0, 200)}`)
  // Last: where it is, the rest is too.
  await put(source.sshd, join(staging, 'sshd'))
}

/** What `ldd` says it loads: libraries by the name they are asked for, and the loader. */
async function copyLibraries(program: string, staging: string, { root }: Source): Promise<void> {
  const libraryPath = root === '/' ? {} : { LD_LIBRARY_PATH: libraryDirs(root).join(':') }
  const told = Bun.spawnSync(['ldd', program], { env: { PATH: SBIN, ...libraryPath }, stdin: 'ignore', stdout: 'pipe', stderr: 'pipe' })
  const text = told.stdout.toString()
  const missing = /^\s*(\S+) => not found/m.exec(text)?.[1]
  if (told.exitCode !== 0 || missing !== undefined) throw new Error(`${program} needs ${missing ?? told.stderr.toString().trim().slice(0, 200)}`)
  for (const [, name = '', path = ''] of text.matchAll(/^\s*(\S+) => (\/\S+) \(/gm)) {
    await put(path, join(staging, 'lib', name))
    const beside = join(dirname(path), NAME_SERVICE)
    if (name.startsWith('libc.') && (await exists(beside))) await put(beside, join(staging, 'lib', NAME_SERVICE))
  }
  const loader = /^\s*(\/\S*ld-\S+) \(/m.exec(text)?.[1]
  if (loader === undefined) throw new Error(`${program} names no loader`)
  await put(loader, join(staging, 'ld.so'))
}

/** sshd runs it by its path alone, so a script finds the loader for it; whoever comes by ssh needs a shell anyway. */
async function wrap(helper: string, staging: string): Promise<void> {
  const name = basename(helper)
  await put(helper, join(staging, 'libexec', name))
  await writeFile(join(staging, name), `#!/bin/sh\nd=\${0%/*}\nexec "$d/ld.so" --library-path "$d/lib" "$d/libexec/${name}" "$@"\n`)
  await chmod(join(staging, name), 0o755)
}

async function put(from: string, to: string): Promise<void> {
  await copyFile(from, to)
  await chmod(to, 0o755)
}

async function firstThere(paths: readonly string[]): Promise<string | null> {
  for (const path of paths) if (await exists(path)) return path
  return null
}

export function libraryDirs(root: string): string[] {
  const triple = process.arch === 'arm64' ? 'aarch64-linux-gnu' : 'x86_64-linux-gnu'
  return ['lib', 'usr/lib'].flatMap((dir) => [join(root, dir, triple), join(root, dir)])
}

/** A reader sees the old one or the new one. */
async function point(link: string, to: string): Promise<void> {
  if ((await readFile(join(link, 'sshd')).then(() => realpath(link), () => '')) === (await realpath(join(dirname(link), to)))) return
  const aside = `${link}.${randomBytes(6).toString('hex')}`
  await symlink(to, aside)
  await rename(aside, link)
}
