/** A server of `peers/` in a process of its own: it listens on a port of its choice, and says which. */
import { join } from 'node:path'
import { BerthError } from '@berth/wire/error'

export interface FloorServer { readonly url: string; close(): Promise<void> }

/** `env` beside this process's own; `scheme`: what it speaks. */
export async function startFloorServer(script: string, args: readonly string[] = [], { env = {}, scheme = 'http' }: { env?: Readonly<Record<string, string>>; scheme?: 'http' | 'https' } = {}): Promise<FloorServer> {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, 'peers', script), ...args], { env: { ...process.env, ...env }, stdin: 'ignore', stdout: 'pipe', stderr: 'inherit' })
  const close = async (): Promise<void> => {
    child.kill()
    await child.exited
  }
  const { value } = await child.stdout.getReader().read()
  const port = Number(new TextDecoder().decode(value).trim())
  if (port > 0) return { url: `${scheme}://127.0.0.1:${port}`, close }
  await close()
  throw new BerthError('internal', `${script} did not start`)
}
