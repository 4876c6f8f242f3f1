/** What a hostile program inside a machine tries first; each try says what it got. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Bench } from './stand-in.ts'

export interface Prey { readonly script: string; close(): Promise<void> }
export const PREY_SECRET = 'prey-7f3a91c2'

/** Puts a secret wherever the product keeps one, and makes a bash script that hunts for them. It prints `name=denied` or what it got. */
export async function layPrey(bench: Bench, otherWork: string): Promise<Prey> {
  await writeFile(join(bench.home, 'config.yaml'), PREY_SECRET)
  await mkdir(join(bench.home, 'postgres'), { recursive: true })
  await writeFile(join(otherWork, 'prey'), PREY_SECRET)
  const socket = join(bench.home, 'postgres', '.s.PGSQL.5432')
  const postgres = Bun.serve({ unix: socket, fetch: () => new Response(PREY_SECRET) })
  const api = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: () => new Response(PREY_SECRET) })
  const server = Bun.spawn(['sleep', '1000'], { env: { PREY: PREY_SECRET }, stdin: 'ignore' })
  const tries: Record<string, string> = {
    'home': `cat ${join(bench.home, 'config.yaml')}`,
    'postgres': `test ! -e ${socket} || curl -sS --unix-socket ${socket} http://pg/`,
    'docker': 'for s in /var/run/docker.sock /run/docker.sock; do test -e $s && curl -sS --unix-socket $s http://d/version; done',
    'root': 'ls /root',
    'shadow': 'cat /etc/shadow',
    'other-workspace': `cat ${join(otherWork, 'prey')}`,
    'environ': `cat /proc/${server.pid}/environ`,
    'every-environ': `for p in /proc/[0-9]*; do tr '\\0' '\\n' < $p/environ | grep ^PREY=; done`,
    'escape-by-root-link': `cat /proc/1/root${join(bench.home, 'config.yaml')}`,
    'loopback': `exec 3<>/dev/tcp/127.0.0.1/${api.port} && printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3 && cat <&3`,
    'proxied-loopback': `curl -sS --fail --noproxy '' http://127.0.0.1:${api.port}/`,
    'proxied-alias': `curl -sS --fail http://host.docker.internal:${api.port}/`,
    'metadata': 'curl -sS --fail -m 3 http://169.254.169.254/',
    'mount': 'mount -t tmpfs none /workspace && echo mounted',
    'toolbox-write': 'touch /opt/berth/x && echo wrote',
    'system-write': 'touch /usr/x /etc/x 2>/dev/null && echo wrote',
    'setuid': 'setpriv --reuid=0 id',
  }
  const control = Object.entries(tries).filter(([name]) => CONTROL.includes(name))
  await requireGot(control.map(([, command]) => command))
  const lines = Object.entries(tries).map(([name, command]) => `got=$(timeout 5 bash -c ${quote(command)} 2>/dev/null); test -z "$got" && echo ${name}=denied || echo "${name}=GOT $got"`)
  return {
    script: lines.join('\n'),
    async close() {
      await postgres.stop(true)
      await api.stop(true)
      server.kill('SIGKILL')
      await server.exited
    },
  }
}

/** Without this the whole hunt could look denied because the prey was laid wrong: outside, we get it. */
const CONTROL = ['home', 'postgres', 'other-workspace', 'environ', 'loopback']
async function requireGot(commands: readonly string[]): Promise<void> {
  for (const command of commands) {
    const child = Bun.spawn(['timeout', '5', 'bash', '-c', command], { stdin: 'ignore', stdout: 'pipe', stderr: 'ignore' })
    if (!(await new Response(child.stdout).text()).includes(PREY_SECRET)) throw new Error(`the prey is not there even outside: ${command}`)
  }
}

export const denials = (report: string): string[] => report.trim().split('\n').filter((line) => !line.endsWith('=denied'))
const quote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`
