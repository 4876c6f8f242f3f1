/**
 * A dev server through a preview. Requests are counted against the processor time of everything between the browser and
 * the dev server: our server and the workspace's daemon, against nginx in front of the same dev server, once as previews
 * are written for it (the port comes from the host's name, WebSockets pass) and once with one fixed server and kept
 * connections, which is the least it can cost. Large answers: preview-streaming.ts.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BerthError } from '@berth/wire/error'
import { descendants, sideBySide, spread, within } from './measure.ts'
import type { Bench } from './measure.ts'
import { cpuSeconds, LARGE, load, RUN_MS, startPeer, startPreview } from './preview-peers.ts'
import type { Proxy } from './preview-peers.ts'
import { startProduct } from './product.ts'

const REQUESTS = 12_000
const CONNECTIONS = 24

export const preview: Bench = {
  name: 'preview',
  summary: 'requests through a preview for the processor time, against nginx in front of the same dev server',
  async *run({ signal }) {
    // Refused before anything is started.
    const nginx = findNginx()
    const origin = await startPeer('preview-origin', [String(LARGE)])
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
    } finally {
      await byName.close()
      await kept.close()
      await product.close()
      await origin.close()
    }
  },
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
