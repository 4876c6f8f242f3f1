/** The user of an image by name, from its /etc/passwd; read out of a container that never starts. */
import type { Engine } from '../engine.ts'

export interface Account { readonly uid: number; readonly gid: number; readonly name: string; readonly home: string }

const PASSWD_LIMIT_BYTES = 1024 * 1024

export async function accountsOf(engine: Engine, image: string, signal: AbortSignal): Promise<Account[]> {
  const { Id } = await engine.json<{ Id: string }>('/containers/create', { method: 'POST', json: { Image: image, Cmd: ['true'], Entrypoint: [], NetworkDisabled: true }, what: 'looking into the image' }, signal)
  try {
    const answer = await engine.call(`/containers/${Id}/archive`, { query: { path: '/etc/passwd' }, what: 'reading the users of the image', accept: [404] }, signal)
    if (answer.status === 404) return []
    return accountsIn(firstFile(new Uint8Array(await answer.arrayBuffer())))
  } finally {
    const removed = await engine.call(`/containers/${Id}`, { method: 'DELETE', query: { force: '1', v: '1' }, what: 'removing what was looked into', accept: [404, 409] }, AbortSignal.timeout(10_000))
    await removed.body?.cancel()
  }
}

/** The content of an archive of one file: a header of 512 bytes, whose size stands in octal at 124. */
function firstFile(archive: Uint8Array): string {
  const size = Number.parseInt(new TextDecoder().decode(archive.subarray(124, 135)), 8)
  return Number.isFinite(size) && size <= PASSWD_LIMIT_BYTES ? new TextDecoder().decode(archive.subarray(512, 512 + size)) : ''
}

export function accountsIn(passwd: string): Account[] {
  return passwd.split('\n').flatMap((line) => {
    const [name = '', , uid = '', gid = '', , home = ''] = line.split(':')
    return /^\d{1,9}$/.test(uid) && /^\d{1,9}$/.test(gid) && /^[a-z_][\w.-]{0,31}$/i.test(name) ? [{ name, uid: Number(uid), gid: Number(gid), home }] : []
  })
}
