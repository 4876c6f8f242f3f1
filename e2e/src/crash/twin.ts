/**
 * A second daemon of one machine, as a copied or revived machine would have it: it knows the link token and the
 * journal's name, and believes that it is the only one. It says one thing more than the first one ever wrote.
 */
import { Database } from 'bun:sqlite'
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PROTOCOL_VERSION, randomIds } from '@berth/wire'

export const TWIN_BOOT = 'twin-'
const WELCOME_WITHIN_MS = 15_000

export interface Twin { close(): void }

/** Resolves when the twin was welcomed and has sent its entry; the first daemon is fenced by then. */
export async function startTwin(options: { machineDir: string; linkUrl: string; text: string }): Promise<Twin> {
  const { workspaceId, generation, linkToken } = JSON.parse(readFileSync(join(options.machineDir, 'state/link-token.json'), 'utf8')) as { workspaceId: string; generation: number; linkToken: string }
  const journal = copyOfJournal(join(options.machineDir, 'state/journal.sqlite'))
  // Bun takes headers here; the browser's type does not know them.
  const socket = new WebSocket(`${options.linkUrl.replace(/^http/, 'ws')}/link/v1`, { headers: { authorization: `Bearer ${linkToken}` } } as unknown as string[])
  const say = (message: unknown): void => { socket.send(JSON.stringify(message)) }
  const sent = Promise.withResolvers<void>()
  const hurry = setTimeout(() => { sent.reject(new Error('the twin was not welcomed')) }, WELCOME_WITHIN_MS)
  socket.addEventListener('open', () => {
    say({ type: 'hello', protocol: PROTOCOL_VERSION, daemonVersion: 'twin', workspaceId, generation, boot: `${TWIN_BOOT}${crypto.randomUUID()}`, machineBoot: 'twin', journal: { id: journal.id, firstN: 1, lastN: journal.lastN }, platform: { os: 'linux', arch: 'x64', libc: null, tmux: false }, isolation: 'sandbox' })
  })
  socket.addEventListener('close', ({ code, reason }) => { sent.reject(new Error(`the twin was turned away with ${code} ${reason}`)) })
  socket.addEventListener('message', ({ data }: MessageEvent<unknown>) => {
    const message = typeof data === 'string' ? (JSON.parse(data) as { type: string; epoch?: number }) : { type: 'frame' }
    if (message.type !== 'welcome') return
    const body = { type: 'message', sessionId: journal.sessionId, messageId: `twin.${crypto.randomUUID()}`, role: 'agent', text: options.text }
    // A journal of its own, which a copied one becomes once it is told to rotate.
    say({ type: 'events', epoch: message.epoch, journalId: `${TWIN_BOOT}${crypto.randomUUID()}`, entries: [{ n: 1, id: randomIds.event(), ageMs: 0, body }] })
    sent.resolve()
  })
  await sent.promise.finally(() => { clearTimeout(hurry) })
  return { close: () => { socket.close() } }
}

function copyOfJournal(path: string): { id: string; lastN: number; sessionId: string } {
  const dir = mkdtempSync(join(tmpdir(), 'berth-twin-'))
  try {
    for (const suffix of ['', '-wal', '-shm']) if (existsSync(path + suffix)) copyFileSync(path + suffix, join(dir, `journal.sqlite${suffix}`))
    const db = new Database(join(dir, 'journal.sqlite'))
    const id = db.query<{ value: string }, []>("SELECT value FROM meta WHERE name = 'id'").get()?.value ?? ''
    const lastN = db.query<{ n: number }, []>('SELECT max(n) AS n FROM entry').get()?.n ?? 0
    const said = db.query<{ body: string }, []>(`SELECT body FROM entry WHERE body LIKE '%"sessionId":"ses_%' ORDER BY n DESC LIMIT 1`).get()?.body
    db.close()
    return { id, lastN, sessionId: said === undefined ? 'ses_000000000000' : (JSON.parse(said) as { sessionId: string }).sessionId }
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}
