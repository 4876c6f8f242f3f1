/** Reaching into this machine by ssh. Nothing listens: each connection comes over the link and runs an sshd of its own. */
import { chmodSync, chownSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import type { BootFile, DaemonResult } from '@berth/wire/daemon'
import { BerthError } from '@berth/wire/error'
import type { AsAgent, LinkStream } from '../../contracts.ts'
import { connectionName, hostKeyIn } from './host-key.ts'
import { serveSsh } from './serve-ssh.ts'
import { leftOut, sshdConfig } from './sshd-config.ts'
import { findSshd } from './sshd-program.ts'

export interface SshDeps {
  readonly boot: Pick<BootFile, 'stateDir' | 'runDir' | 'homeDir' | 'workDir' | 'toolboxDir' | 'agentUser'>
  readonly asAgent: AsAgent
  readonly workspaceName: () => string
  readonly log: (line: string) => void
}
export interface Ssh {
  access(): DaemonResult<'ssh.access'>
  /** Until the connection ends. Throws before a byte was exchanged when there can be none. */
  serve(authorizedKey: string, stream: LinkStream, onInput: () => void): Promise<void>
}

export function createSsh(deps: SshDeps): Ssh {
  const { boot, asAgent } = deps
  // Of connections that a killed daemon could not clean up after.
  const connections = join(boot.runDir, 'ssh')
  rmSync(connections, { recursive: true, force: true })
  return {
    access() {
      const { name } = accountOf(boot)
      findSshd({ toolboxDir: boot.toolboxDir, path: asAgent.environment()['PATH'] ?? '' })
      return { user: name, hostKey: hostKeyIn(boot.stateDir).publicKey, workDir: boot.workDir }
    },
    async serve(authorizedKey, stream, onInput) {
      const { name: user, owner } = accountOf(boot)
      const env = asAgent.environment()
      const program = findSshd({ toolboxDir: boot.toolboxDir, path: env['PATH'] ?? '' })
      const omitted = leftOut(env)
      if (omitted.length > 0) deps.log(`ssh: left out, because they have several lines: ${omitted.join(', ')}`)
      const dir = join(connections, connectionName())
      const files = { key: join(dir, 'host-key'), authorized: join(dir, 'authorized_keys'), config: join(dir, 'sshd_config') }
      // The agent's user may read them and not change them, nor where they stand.
      mkdirSync(connections, { recursive: true, mode: 0o711 })
      mkdirSync(dir, { mode: 0o711 })
      for (const path of [connections, dir]) chmodSync(path, 0o711)
      try {
        give(files.key, hostKeyIn(boot.stateDir).privateKey, owner)
        give(files.authorized, `${authorizedKey}\n`, owner)
        give(files.config, sshdConfig({ ...program, hostKeyFile: files.key, authorizedKeysFile: files.authorized, user, workspaceName: deps.workspaceName(), env }), owner)
        await serveSsh(deps, { argv: [...program.argv, '-i', '-e', '-f', files.config], cwd: boot.homeDir, onInput }, stream)
      } finally {
        rmSync(dir, { recursive: true, force: true })
      }
    },
  }
}

function give(path: string, content: string, owner: { uid: number; gid: number } | null): void {
  writeFileSync(path, content, { mode: 0o400, flag: 'wx' })
  if (owner !== null) chownSync(path, owner.uid, owner.gid)
}

interface Account { readonly name: string; /** Whom files are given to; null: we are that user. */ readonly owner: { uid: number; gid: number } | null }

/** sshd asks the account files who that user is, so what they say counts. */
function accountOf({ agentUser }: Pick<BootFile, 'agentUser'>): Account {
  const owner = process.getuid?.() === 0 ? agentUser : null
  const uid = owner?.uid ?? process.getuid?.() ?? 0
  const name = nameInPasswd(uid) ?? ownName(uid)
  if (name === null) throw new BerthError('unsupported', `the user ${uid} has no account in this machine, which sshd needs`, { hint: 'add it to /etc/passwd of the image' })
  return { name, owner: owner === null ? null : { uid: owner.uid, gid: owner.gid } }
}

function nameInPasswd(uid: number): string | null {
  try {
    const row = readFileSync('/etc/passwd', 'utf8').split('\n').map((line) => line.split(':')).find((fields) => fields[2] === String(uid))
    return row?.[0] ?? null
  } catch {
    return null
  }
}

/** Accounts of a directory service stand in no file. */
function ownName(uid: number): string | null {
  try {
    const own = userInfo()
    return own.uid === uid ? own.username : null
  } catch {
    return null
  }
}
