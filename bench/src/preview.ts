/**
 * A dev server through a preview. Requests are counted against the processor time of everything between the browser and
 * the dev server: our server and the workspace's daemon, against nginx in front of the same dev server, once as previews
 * are written for it (the port comes from the host's name, WebSockets pass) and once with one fixed server and kept
 * connections, which is the least it can cost. A large answer is timed against the bare mux between two processes, and
 * against the mux in the middle of as many processes as a preview has: of two that only carry, with dev server and client.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BerthError } from '@berth/wire/error'
import { descendants, MB, RUNS, sideBySide, spread, within } from './measure.ts'
import type { Bench } from './measure.ts'
import { bulkThroughMux } from './mux.ts'
import { startProduct } from './product.ts'
import type { Product } from './product.ts'
import { bringUp, plainOn, processOf } from './workspace.ts'

const REQUESTS = 12_000
const CONNECTIONS = 24
const LARGE = 256 * MB
const RUN_MS = 60_000
const TICKS_PER_SECOND = 100

interface Proxy { readonly port: number; readonly host: string; readonly cookie: string; /** Whose processor time counts. */ pids(): number[] }

export const preview: Bench = {
  name: 'preview',
  summary: 'requests for the processor time, against nginx in front of the same dev server, and a large answer against the bare mux',
  async *run({ signal }) {
    // Refused before anything is started.
    const nginx = findNginx()
    const origin = await startPeer('preview-origin', [String(LARGE)])
    const relay = await startRelay(Number(origin.line))
    const product = startProduct()
    const [byName, kept] = [await startNginx(nginx, Number(origin.line), 'by-name'), await startNginx(nginx, Number(origin.line), 'kept')]
    try {
      const ours = await startPreview(product, Number(origin.line))
      const perSecond = async (proxy: Proxy): Promise<number> => {
        const before = cpuSeconds(proxy.pids())
        await load(proxy, [String(REQUESTS), String(CONNECTIONS)])
        return REQUESTS / (cpuSeconds(proxy.pids()) - before)
      }
      const requests = await sideBySide(signal, () => perSecond(ours), () => perSecond(byName))
      yield {
        name: 'preview-requests', value: requests.value, unit: 'requests/CPU-s', floor: requests.floor, goal: { ratioAtLeast: 0.5 },
        detail: `1 KB answers, ${CONNECTIONS} connections, server and daemon together; floor: nginx with one worker that takes the port from the host's name; ${spread(requests.values, 'requests/CPU-s')}`,
      }
      const least = await sideBySide(signal, () => perSecond(ours), () => perSecond(kept))
      yield {
        name: 'preview-requests-kept', value: least.value, unit: 'requests/CPU-s', floor: least.floor,
        detail: `the same; floor: nginx with one fixed server and kept connections to it; ${spread(least.values, 'requests/CPU-s')}`,
      }
      const rate = async (): Promise<number> => LARGE / MB / ((await load(ours, ['large'])) / 1000)
      const bytes = await sideBySide(signal, rate, bulkThroughMux)
      yield {
        name: 'preview-streaming', value: bytes.value, unit: 'MB/s', floor: bytes.floor, goal: { ratioAtLeast: 0.8 },
        detail: `one answer of ${LARGE / MB} MB from dev server to client; floor: one stream of the bare mux on a WebSocket; ${RUNS} runs, ${spread(bytes.values, 'MB/s')}`,
      }
      const relayed = await sideBySide(signal, rate, async () => LARGE / MB / ((await load(relay.proxy, ['large'])) / 1000))
      yield {
        name: 'preview-streaming-relayed', value: relayed.value, unit: 'MB/s', floor: relayed.floor, goal: { ratioAtLeast: 0.8 },
        detail: `the same; floor: the same dev server and client with the mux alone between two processes in the middle; ${spread(relayed.values, 'MB/s')}`,
      }
    } finally {
      await byName.close()
      await kept.close()
      await product.close()
      await relay.close()
      await origin.close()
    }
  },
}

/** Without a wall around it, so that both proxies ask one and the same dev server. */
async function startPreview(product: Product, port: number): Promise<Proxy> {
  mkdirSync(join(product.home, 'providers'), { recursive: true })
  writeFileSync(join(product.home, 'providers/local.yaml'), 'sandbox: none\n')
  const { id, name } = await bringUp(product, 'bench', plainOn('sleep 100000'))
  const { share: { url } } = await product.json<{ share: { url: string } }>(['preview', id, String(port), '--share'])
  const { host, pathname, search, port: previewPort } = new URL(url)
  const entered = await fetch(`http://127.0.0.1:${previewPort}${pathname}${search}`, { headers: { host }, redirect: 'manual' })
  const cookie = entered.headers.get('set-cookie')?.split(';')[0]
  if (cookie === undefined) throw new BerthError('internal', `the preview of ${name} let nobody in: ${entered.status}`)
  const pids = [product.server().pid, processOf(id, 'run')]
  return { port: Number(previewPort), host, cookie, pids: () => pids }
}

function cpuSeconds(pids: readonly number[]): number {
  let ticks = 0
  for (const pid of pids) {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    ticks += Number(fields[11]) + Number(fields[12])
  }
  return ticks / TICKS_PER_SECOND
}

function findNginx(): string {
  const program = process.env['BERTH_BENCH_NGINX'] ?? Bun.which('nginx', { PATH: `${process.env['PATH'] ?? ''}:/usr/sbin` })
  if (program === null) throw new BerthError('unsupported', 'nginx is not here, and it is what previews are measured against', { hint: 'install the package `nginx`, or set BERTH_BENCH_NGINX to its path' })
  return program
}

async function startNginx(program: string, origin: number, way: 'by-name' | 'kept'): Promise<Proxy & { close(): Promise<void> }> {
  const dir = mkdtempSync(join(tmpdir(), 'berth-nginx-'))
  const probe = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data() {} } })
  const { port } = probe
  probe.stop(true)
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${dir}/${name};`).join(' ')
  writeFileSync(join(dir, 'nginx.conf'), `daemon off; ${process.getuid?.() === 0 ? 'user root; ' : ''}worker_processes 1; pid ${dir}/pid; error_log stderr error;
events { worker_connections 1024; }
http { access_log off; ${temporary} keepalive_requests 1000000;
  map $http_upgrade $connection_upgrade { default upgrade; '' close; }
  map $host $target { ~^(?<port>[0-9]+)-- 127.0.0.1:$port; }
  upstream origin { server 127.0.0.1:${origin}; keepalive 64; keepalive_requests 1000000; }
  server { listen 127.0.0.1:${port}; location / { ${way === 'kept'
    ? 'proxy_pass http://origin; proxy_set_header Connection "";'
    : 'proxy_pass http://$target; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade;'}
    proxy_http_version 1.1; proxy_set_header Host $host; proxy_set_header X-Forwarded-For $remote_addr; } } }
`)
  const child = Bun.spawn([program, '-e', 'stderr', '-p', dir, '-c', join(dir, 'nginx.conf')], { stdin: 'ignore', stdout: 'ignore', stderr: 'ignore' })
  const host = `${origin}--bench.localhost:${port}`
  const close = async (): Promise<void> => {
    child.kill('SIGTERM')
    await child.exited
    rmSync(dir, { recursive: true, force: true })
  }
  try {
    await within(RUN_MS, 'nginx', answering(port, host))
  } catch (error) {
    await close()
    throw error
  }
  return { port, host, cookie: '', pids: () => descendants(child.pid), close }
}

async function answering(port: number, host: string): Promise<void> {
  while (!(await fetch(`http://127.0.0.1:${port}/small`, { headers: { host } }).then(({ ok }) => ok, () => false))) await Bun.sleep(50)
}

async function load({ port, host, cookie }: Proxy, words: readonly string[]): Promise<number> {
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

async function startRelay(origin: number): Promise<{ proxy: Proxy; close(): Promise<void> }> {
  const near = await startPeer('mux-relay', ['server'])
  const [port = '', linkPort = ''] = near.line.split(' ')
  const far = await startPeer('mux-relay', ['daemon', linkPort, String(origin)])
  const close = async (): Promise<void> => {
    await far.close()
    await near.close()
  }
  return { proxy: { port: Number(port), host: `localhost:${port}`, cookie: '', pids: () => [] }, close }
}

/** `line`: the first that it says. */
async function startPeer(name: string, words: readonly string[]): Promise<{ line: string; close(): Promise<void> }> {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, `peers/${name}.ts`), ...words], { stdin: 'ignore', stdout: 'pipe', stderr: 'inherit' })
  const first = await child.stdout.getReader().read()
  return {
    line: new TextDecoder().decode(first.value).trim(),
    async close() {
      child.kill('SIGKILL')
      await child.exited
    },
  }
}
