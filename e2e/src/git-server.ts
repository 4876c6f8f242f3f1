/** Repositories as the outside world offers them: git's own HTTP backend on loopback, and a real sshd without a port. */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export interface GitServer { readonly port: number; /** As machines reach it. */ url(name: string): string; close(): Promise<void> }

/** Serves every repository below `root`, those whose name begins with `private` to whoever has the credential. */
export function startGitServer(root: string, credential?: { username: string; token: string }): GitServer {
  const secret = credential === undefined ? null : `Basic ${btoa(`${credential.username}:${credential.token}`)}`
  const fetch = (request: Request): Response | Promise<Response> => {
    if (secret !== null && new URL(request.url).pathname.startsWith('/private') && request.headers.get('authorization') !== secret) return new Response('who are you?', { status: 401, headers: { 'www-authenticate': 'Basic realm="git"' } })
    return httpBackend(root, request)
  }
  const server = Bun.serve({ port: 0, hostname: '127.0.0.1', idleTimeout: 0, fetch })
  const port = server.port ?? 0
  return { port, url: (name) => `http://host.docker.internal:${port}/${name}`, close: () => server.stop(true) }
}

async function httpBackend(root: string, request: Request): Promise<Response> {
  const url = new URL(request.url)
  const header = (name: string): string => request.headers.get(name) ?? ''
  const child = Bun.spawn(['git', '-c', 'safe.directory=*', '-c', 'uploadpack.allowFilter=true', '-c', 'uploadpack.allowAnySHA1InWant=true', '-c', 'http.receivepack=true', 'http-backend'], {
    env: { PATH: process.env['PATH'] ?? '', GIT_PROJECT_ROOT: root, GIT_HTTP_EXPORT_ALL: '1', PATH_INFO: url.pathname, QUERY_STRING: url.search.slice(1), REQUEST_METHOD: request.method, CONTENT_TYPE: header('content-type'), HTTP_CONTENT_ENCODING: header('content-encoding'), GIT_PROTOCOL: header('git-protocol') },
    stdin: new Blob([await request.arrayBuffer()]), stdout: 'pipe', stderr: 'ignore',
  })
  const bytes = Buffer.from(await new Response(child.stdout).arrayBuffer())
  const end = bytes.indexOf('\r\n\r\n')
  if (end < 0) return new Response('no answer', { status: 500 })
  const headers = new Headers(bytes.subarray(0, end).toString().split('\r\n').map((line) => line.split(': ') as [string, string]))
  return new Response(bytes.subarray(end + 4), { status: Number((headers.get('status') ?? '200').slice(0, 3)), headers })
}

/** GIT_SSH_COMMAND of a person whose ssh leads to a real sshd that lives as long as the connection. */
export function sshCommand(dir: string): string {
  const me = Bun.spawnSync(['id', '-un']).stdout.toString().trim()
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  // Where sshd runs as root it insists on the directory that its service would make.
  if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 })
  for (const name of ['host', 'user']) Bun.spawnSync(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', join(dir, name)])
  const keys = join(dir, 'authorized_keys')
  Bun.spawnSync(['cp', join(dir, 'user.pub'), keys])
  chmodSync(keys, 0o600)
  const config = join(dir, 'sshd_config')
  writeFileSync(config, `HostKey ${join(dir, 'host')}\nAuthorizedKeysFile ${keys}\nPubkeyAuthentication yes\nPasswordAuthentication no\nStrictModes no\nUsePAM no\nPermitRootLogin prohibit-password\nPidFile none\n`)
  return `ssh -F /dev/null -i ${join(dir, 'user')} -l ${me} -o IdentitiesOnly=yes -o BatchMode=yes -o StrictHostKeyChecking=accept-new -o UserKnownHostsFile=${join(dir, 'known_hosts')} -o 'ProxyCommand=/usr/sbin/sshd -i -f ${config}'`
}
