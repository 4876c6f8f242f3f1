/** A server of `peers/` in a process of its own: it listens on a port of its choice, and says which. */
import { join } from 'node:path'
import { BerthError } from '@berth/wire/error'

export interface FloorServer { readonly url: string; close(): Promise<void> }

export async function startFloorServer(script: string, args: readonly string[] = []): Promise<FloorServer> {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, 'peers', script), ...args], { stdin: 'ignore', stdout: 'pipe', stderr: 'inherit' })
  const close = async (): Promise<void> => {
    child.kill()
    await child.exited
  }
  const { value } = await child.stdout.getReader().read()
  const port = Number(new TextDecoder().decode(value).trim())
  if (port > 0) return { url: `http://127.0.0.1:${port}`, close }
  await close()
  throw new BerthError('internal', `${script} did not start`)
}
