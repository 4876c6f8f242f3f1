/** The dev server of the preview's tests, as a program of the workspace: it does what is hard for a proxy. */
export const APP = String.raw`
import http from 'node:http'
import { createHash } from 'node:crypto'
let together = []
const server = http.createServer((request, response) => {
  const url = new URL(request.url, 'http://x')
  const json = (value, headers = {}) => { response.writeHead(200, { 'content-type': 'application/json', ...headers }); response.end(JSON.stringify(value)) }
  switch (url.pathname) {
    case '/echo': return json({ method: request.method, host: request.headers.host, cookie: request.headers.cookie ?? null, headers: request.headers })
    case '/set': return json({ ok: true }, { 'set-cookie': ['mine=' + url.searchParams.get('value') + '; Path=/; Domain=localhost', 'berth_preview=stolen; Path=/', 'other=1; Path=/; HttpOnly'] })
    case '/upload': { const hash = createHash('sha256'); let bytes = 0; request.on('data', (piece) => { hash.update(piece); bytes += piece.length }); return request.on('end', () => json({ bytes, hash: hash.digest('hex') })) }
    case '/events': {
      response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
      response.flushHeaders()
      request.on('close', () => { closed++ })
      return events.push(response)
    }
    case '/say': { for (const each of events) each.write('data: ' + url.searchParams.get('what') + '\n\n'); return json({ ok: true }) }
    case '/closed': return json({ closed })
    // Nobody gets an answer before all are there.
    case '/together': { together.push(response); if (together.length === Number(url.searchParams.get('count'))) for (const each of together.splice(0)) each.end('all'); return }
    case '/large': { response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': 50 * 1024 * 1024 }); const block = Buffer.alloc(1024 * 1024, 7); for (let n = 0; n < 50; n++) response.write(block); return response.end() }
    case '/away': return response.writeHead(302, { location: 'http://localhost:' + server.address().port + '/echo' }).end()
    case '/empty': return response.writeHead(204).end()
    default: response.writeHead(200, { 'content-type': 'text/html' }); return response.end('<!doctype html><title>app</title><h1>App ' + (process.env.APP_NAME ?? '') + '</h1>')
  }
})
const events = []
let closed = 0
server.on('upgrade', (request, socket) => {
  const accept = createHash('sha1').update(request.headers['sec-websocket-key'] + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11').digest('base64')
  socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ' + accept + '\r\nSec-WebSocket-Protocol: chat\r\n\r\n')
  socket.on('error', () => {})
  let held = Buffer.alloc(0)
  let message = []
  socket.on('data', (piece) => {
    held = Buffer.concat([held, piece])
    // Masked frames of a browser, of any length and in any pieces; each text comes back with its length before it.
    for (;;) {
      if (held.length < 2) return
      let size = held[1] & 127; let at = 2
      if (size === 126) { size = held.readUInt16BE(2); at = 4 } else if (size === 127) { size = Number(held.readBigUInt64BE(2)); at = 10 }
      if (held.length < at + 4 + size) return
      const mask = held.subarray(at, at + 4)
      const body = Buffer.from(held.subarray(at + 4, at + 4 + size).map((byte, index) => byte ^ mask[index % 4]))
      const code = held[0] & 15
      const last = (held[0] & 128) !== 0
      held = held.subarray(at + 4 + size)
      if (code === 8) return socket.end(Buffer.from([0x88, 5, 0x0f, 0xa1, 0x62, 0x79, 0x65]))
      if (code > 1) continue
      message.push(body)
      if (!last) continue
      const whole = Buffer.concat(message.splice(0))
      const text = Buffer.from(whole.length + ':' + whole.subarray(0, 20))
      socket.write(Buffer.concat([Buffer.from([0x81, text.length]), text]))
    }
  })
})
server.listen(Number(process.env.PORT ?? 3000), '127.0.0.1')
`

/** Changed in the workspace while a browser shows it. */
export const VITE_FILES: Readonly<Record<string, string>> = {
  'package.json': '{"name":"shown","private":true,"type":"module"}',
  'index.html': '<!doctype html><title>vite</title><h1 id="said"></h1><script type="module" src="/main.js"></script>',
  'main.js': "import { words } from './words.js'\nconst show = (text) => { document.getElementById('said').textContent = text }\nshow(words)\nimport.meta.hot.accept('./words.js', (next) => show(next.words))\n",
  'words.js': "export const words = 'first words'\n",
}
