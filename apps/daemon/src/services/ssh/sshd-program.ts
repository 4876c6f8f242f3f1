/**
 * Which sshd runs here: the machine's own, else the one of the toolbox, which brings its libraries and their loader
 * (packages/toolbox/src/ssh-server.ts) and so runs in any image.
 */
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { BerthError } from '@berth/wire/error'

export interface SshdProgram { readonly argv: readonly string[]; readonly sessionProgram?: string | undefined; readonly authProgram?: string | undefined }

/** Not on an ordinary user's PATH everywhere. */
const SBIN = '/usr/local/sbin:/usr/sbin:/sbin'

export function findSshd(at: { toolboxDir: string; path: string; /** Only the toolbox's. */ skipOwn?: boolean }): SshdProgram {
  const own = at.skipOwn === true ? null : Bun.which('sshd', { PATH: `${at.path}:${SBIN}` })
  if (own !== null) return { argv: [own] }
  const dir = join(dirname(at.toolboxDir), 'ssh', 'current')
  const there = (name: string): string | undefined => (existsSync(join(dir, name)) ? join(dir, name) : undefined)
  const program = there('sshd')
  const loader = there('ld.so')
  if (program === undefined || loader === undefined) {
    throw new BerthError('unsupported', 'this machine has no sshd, and its host had none to bring', { hint: 'install openssh-server in the image, or on the host that runs the server, and start the workspace again' })
  }
  return { argv: [loader, '--library-path', join(dir, 'lib'), program], sessionProgram: there('sshd-session'), authProgram: there('sshd-auth') }
}
