/** Makes the agent's user known to the machine, and its home and tree its own, when the image did not do that. */
import { appendFileSync, chownSync, lchownSync, lstatSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { BootFile } from '@berth/wire/daemon'

/** Only as root; without an agent user everything is the daemon's own already. */
export function prepareAgentUser(boot: Pick<BootFile, 'agentUser' | 'homeDir' | 'workDir'>): void {
  const user = process.getuid?.() === 0 ? boot.agentUser : null
  if (user !== null) {
    addLine('/etc/passwd', user.uid, `${user.name}:x:${user.uid}:${user.gid}::${boot.homeDir}:${shell()}\n`)
    addLine('/etc/group', user.gid, `${user.name}:x:${user.gid}:\n`)
  }
  for (const dir of [boot.homeDir, boot.workDir]) {
    mkdirSync(dir, { recursive: true })
    if (user !== null && lstatSync(dir).uid !== user.uid) own(dir, user)
  }
}

/** Adds the line when no line has that number, or when the file is missing altogether. */
function addLine(path: string, id: number, line: string): void {
  let text = ''
  try {
    text = readFileSync(path, 'utf8')
  } catch {
    // An image without the file gets one.
  }
  if (text.split('\n').some((row) => row.split(':')[2] === String(id))) return
  try {
    appendFileSync(path, `${text === '' || text.endsWith('\n') ? '' : '\n'}${line}`)
  } catch {
    // A read-only image: programs show the number instead of the name.
  }
}

function shell(): string {
  return Bun.which('bash', { PATH: '/usr/bin:/bin' }) ?? '/bin/sh'
}

/** Once, before any agent has run here: afterwards the tree is hostile and root walks it no more. */
function own(dir: string, user: { uid: number; gid: number }): void {
  for (const name of readdirSync(dir)) {
    const path = join(dir, name)
    if (lstatSync(path).isDirectory()) own(path, user)
    else lchownSync(path, user.uid, user.gid)
  }
  chownSync(dir, user.uid, user.gid)
}
