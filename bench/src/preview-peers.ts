/** What a preview is held against stands beside it: its dev server, who asks, and the processor time of who is in between. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { BerthError } from '@berth/wire/error'
import { MB, parentOf, within } from './measure.ts'
import type { Product } from './product.ts'
import { bringUp, plainOn, processOf } from './workspace.ts'

/** Of the dev server's large answer. */
export const LARGE = 256 * MB
export const RUN_MS = 60_000
const TICKS_PER_SECOND = 100

export interface Proxy { readonly port: number; readonly host: string; readonly cookie: string; /** Whose processor time counts. */ pids(): number[] }

/** Without a wall around it, so that both proxies ask one and the same dev server. */
export async function startPreview(product: Product, port: number): Promise<Proxy> {
  configure(product, 'sandbox: none')
  return previewOf(product, port, 'sleep 100000')
}

/** Where the dev server listens in there. Nobody else is in that network. */
const INSIDE_PORT = 4000
/** As a workspace is unless somebody says otherwise: behind its wall, with a dev server of its own. */
export async function startSandboxedPreview(product: Product): Promise<Proxy> {
  const peers = join(import.meta.dir, 'peers')
  configure(product, `readOnlyPaths: ${JSON.stringify([peers, dirname(process.execPath)])}`)
  const proxy = await previewOf(product, INSIDE_PORT, `${process.execPath} ${join(peers, 'preview-origin.ts')} ${LARGE} ${INSIDE_PORT}`)
  await within(RUN_MS, 'the dev server in the workspace', listening(proxy))
  return proxy
}

async function listening({ port, host, cookie }: Proxy): Promise<void> {
  while ((await fetch(`http://127.0.0.1:${port}/small`, { headers: { host, cookie } })).status !== 200) await Bun.sleep(LOOK_MS)
}
const LOOK_MS = 50

function configure(product: Product, text: string): void {
  mkdirSync(join(product.home, 'providers'), { recursive: true })
  writeFileSync(join(product.home, 'providers/local.yaml'), `${text}\n`)
}

async function previewOf(product: Product, port: number, command: string): Promise<Proxy> {
  const { id, name } = await bringUp(product, 'bench', plainOn(command))
  const { share: { url } } = await product.json<{ share: { url: string } }>(['preview', id, String(port), '--share'])
  const { host, pathname, search, port: previewPort } = new URL(url)
  const entered = await fetch(`http://127.0.0.1:${previewPort}${pathname}${search}`, { headers: { host }, redirect: 'manual' })
  const cookie = entered.headers.get('set-cookie')?.split(';')[0]
  if (cookie === undefined) throw new BerthError('internal', `the preview of ${name} let nobody in: ${entered.status}`)
  // Without a wall the daemon's link goes through what started it, the host side of its machine.
  const pids = [product.server().pid, processOf(id, 'run'), parentOf(processOf(id, 'supervise'))].filter((pid) => pid !== null)
  return { port: Number(previewPort), host, cookie, pids: () => pids }
}

export function cpuSeconds(pids: readonly number[]): number {
  let ticks = 0
  for (const pid of pids) {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    ticks += Number(fields[11]) + Number(fields[12])
  }
  return ticks / TICKS_PER_SECOND
}

export async function load({ port, host, cookie }: Proxy, words: readonly string[]): Promise<number> {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, 'peers/preview-load.ts'), String(port), host, cookie, ...words], { stdin: 'ignore', stdout: 'pipe', stderr: 'pipe' })
  try {
    const [out, err, code] = await within(RUN_MS, 'the answers', Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited]))
    if (code !== 0) throw new BerthError('internal', `asking ended with ${code}: ${err.slice(0, 500)}`)
    return (JSON.parse(out) as { ms: number }).ms
  } finally {
    child.kill('SIGKILL')
    await child.exited
  }
}

/** `line`: the first that it says. */
export async function startPeer(name: string, words: readonly string[]): Promise<{ readonly line: string; readonly pid: number; close(): Promise<void> }> {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, `peers/${name}.ts`), ...words], { stdin: 'ignore', stdout: 'pipe', stderr: 'inherit' })
  const first = await child.stdout.getReader().read()
  return {
    pid: child.pid,
    line: new TextDecoder().decode(first.value).trim(),
    async close() {
      child.kill('SIGKILL')
      await child.exited
    },
  }
}
