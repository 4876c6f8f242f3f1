/** An image of a few kilobytes that runs the programs of this very host: its /usr is mounted read-only. */
import { existsSync, lstatSync, readlinkSync } from 'node:fs'
import { tar, type TarEntry } from './tar.ts'

/** Not sbin: the engine mounts its init there, and a link would lead it below /usr, where the host's mount hides it. */
const LINKS = ['bin', 'lib', 'lib32', 'lib64', 'libx32'] as const
const DIRECTORIES = ['dev', 'etc', 'etc/ssl', 'home', 'opt', 'proc', 'root', 'run', 'sbin', 'sys', 'usr', 'var', 'var/lib', 'var/log', 'var/cache'] as const
const BORROWED = ['/usr', '/etc/alternatives', '/etc/ssl/certs', '/etc/ld.so.cache'] as const
const FILES: Readonly<Record<string, string>> = {
  'etc/passwd': 'root:x:0:0:root:/root:/bin/bash\ndev:x:1000:1000:dev:/home/dev:/bin/bash\nsshd:x:105:65534::/run/sshd:/usr/sbin/nologin\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n',
  'etc/group': 'root:x:0:\ntty:x:5:\ndev:x:1000:\nnogroup:x:65534:\n',
  'etc/nsswitch.conf': 'passwd: files\ngroup: files\nshadow: files\nhosts: files dns\n',
  'etc/profile': 'export PATH=/usr/local/bin:/usr/bin:/bin\n',
}

export function hostUsrPaths(): string[] {
  return BORROWED.filter((path) => existsSync(path))
}

export function hostUsrRoot(): Uint8Array<ArrayBuffer> {
  const links = LINKS.filter((name) => lstatSync(`/${name}`, { throwIfNoEntry: false })?.isSymbolicLink() === true)
  const entries: TarEntry[] = [
    ...DIRECTORIES.map((path) => ({ path, kind: 'directory', mode: 0o755 }) as const),
    ...['tmp', 'var/tmp'].map((path) => ({ path, kind: 'directory', mode: 0o1777 }) as const),
    ...['home/dev', 'workspace'].map((path) => ({ path, kind: 'directory', mode: 0o755, uid: 1000, gid: 1000 }) as const),
    { path: 'var/lib/berth', kind: 'directory', mode: 0o700 },
    ...links.map((name) => ({ path: name, kind: 'symlink', mode: 0o777, linkTarget: readlinkSync(`/${name}`) }) as const),
    ...Object.entries(FILES).map(([path, content]) => ({ path, kind: 'file', mode: 0o644, content }) as const),
  ]
  return tar(entries)
}
