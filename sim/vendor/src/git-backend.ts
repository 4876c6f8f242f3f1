/** git's own HTTP backend behind one request, whoever was let in. */

/** `root`: the repositories, or one. `path`: below it, as the backend has it. `env`: what hooks are told. */
export interface GitBackend { readonly root: string; readonly path: string; readonly env?: Readonly<Record<string, string>> }

/** What git says to a request of smart HTTP. Anybody may push who comes so far. */
export async function gitBackend(request: Request, { root, path, env = {} }: GitBackend): Promise<Response> {
  const header = (name: string): string => request.headers.get(name) ?? ''
  const child = Bun.spawn(['git', '-c', 'safe.directory=*', '-c', 'uploadpack.allowFilter=true', '-c', 'uploadpack.allowAnySHA1InWant=true', '-c', 'http.receivepack=true', 'http-backend'], {
    env: {
      PATH: process.env['PATH'] ?? '', GIT_PROJECT_ROOT: root, GIT_HTTP_EXPORT_ALL: '1', PATH_INFO: path, QUERY_STRING: new URL(request.url).search.slice(1), REQUEST_METHOD: request.method,
      CONTENT_TYPE: header('content-type'), HTTP_CONTENT_ENCODING: header('content-encoding'), GIT_PROTOCOL: header('git-protocol'), ...env,
    },
    stdin: new Blob([await request.arrayBuffer()]), stdout: 'pipe', stderr: 'ignore',
  })
  const bytes = Buffer.from(await new Response(child.stdout).arrayBuffer())
  const end = bytes.indexOf('\r\n\r\n')
  if (end < 0) return new Response('no answer', { status: 500 })
  const headers = new Headers(bytes.subarray(0, end).toString().split('\r\n').map((line) => line.split(': ') as [string, string]))
  return new Response(bytes.subarray(end + 4), { status: Number((headers.get('status') ?? '200').slice(0, 3)), headers })
}
