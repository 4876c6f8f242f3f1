/**
 * Asks a server over connections that stay: `preview-load <port> <host> <cookie> <requests> <connections>`, or for one
 * large answer with `large` in the place of the last two. Prints `{ms}`; refuses any answer but 200.
 */
import { connect } from 'node:net'

const [port = '', host = '', cookie = '', requests = '', connections = '1'] = process.argv.slice(2)
const large = requests === 'large'
const path = large ? '/large' : '/small'
const ask = `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36\r\nAccept: */*\r\nAccept-Encoding: gzip, deflate, br\r\nAccept-Language: en-GB,en;q=0.9\r\nSec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: cors\r\nSec-Fetch-Dest: empty\r\nReferer: http://${host}/\r\n${cookie === '' ? '' : `Cookie: theme=dark; ${cookie}\r\n`}\r\n`

function one(count: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), '127.0.0.1')
    let left = count
    let head: Buffer | null = Buffer.alloc(0) as Buffer
    let body = 0
    socket.setNoDelay(true)
    socket.on('connect', () => socket.write(ask))
    socket.on('error', reject)
    socket.on('close', () => { if (left > 0) reject(new Error(`the connection ended with ${left} to go`)) })
    socket.on('data', (piece: Buffer) => {
      let rest = piece
      if (head !== null) {
        head = head.length === 0 ? rest : Buffer.concat([head, rest])
        const end = head.indexOf('\r\n\r\n')
        if (end < 0) return
        const text = head.toString('latin1', 0, end)
        const length = /content-length: (\d+)/i.exec(text)?.[1]
        if (!text.startsWith('HTTP/1.1 200') || length === undefined) return void socket.destroy(new Error(`answered: ${text.slice(0, 300)}`))
        body = Number(length)
        rest = head.subarray(end + 4)
        head = null
      }
      body -= rest.length
      if (body > 0) return
      head = Buffer.alloc(0)
      if (--left > 0) return void socket.write(ask)
      socket.end()
      resolve()
    })
  })
}

/** Only counted, as the floor does it. */
async function pour(): Promise<void> {
  const whole = Promise.withResolvers<void>()
  let head = ''
  let left = Number.POSITIVE_INFINITY
  await Bun.connect({
    hostname: '127.0.0.1', port: Number(port),
    socket: {
      open: (socket) => void socket.write(ask),
      data(socket, bytes) {
        if (left === Number.POSITIVE_INFINITY) {
          head += Buffer.from(bytes).toString('latin1')
          const end = head.indexOf('\r\n\r\n')
          const length = /content-length: (\d+)/i.exec(head.slice(0, Math.max(0, end)))?.[1]
          if (end < 0) return
          if (!head.startsWith('HTTP/1.1 200') || length === undefined) return whole.reject(new Error(`answered: ${head.slice(0, 300)}`))
          left = Number(length) - (head.length - end - 4)
        } else left -= bytes.length
        if (left > 0) return
        whole.resolve()
        socket.end()
      },
      close: () => whole.reject(new Error(`the connection ended with ${left} bytes to go`)),
    },
  })
  await whole.promise
}

const since = performance.now()
if (large) await pour()
else await Promise.all(Array.from({ length: Number(connections) }, () => one(Math.floor(Number(requests) / Number(connections)))))
process.stdout.write(`${JSON.stringify({ ms: performance.now() - since })}\n`)
process.exit(0)
