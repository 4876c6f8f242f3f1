/**
 * First program of ours inside the sandbox of a computer (QEMU). The sandbox has no network but a loopback of its own,
 * and what a guest calls its gateway is that loopback: two ports on it, towards the machine's way out and towards the
 * server's link, are all that the guest can reach. When the host side lets go of our stdin, the guest is asked to shut
 * down as by its power button.
 *
 * This file is copied into the machine with what it imports, and runs on its own.
 */
import { connect } from 'node:net'
import { forward } from './forward.ts'
import { withoutPlainBun } from './plain-bun.ts'

export interface ComputerSpec {
  /** Port on the sandbox's loopback by the socket that it leads to. */
  readonly ports: Readonly<Record<string, number>>
  /** Socket of QEMU's control, made by it. */
  readonly control: string
  readonly argv: readonly string[]
}
/** A guest that still boots does not hear the first. */
const ASK_AGAIN_MS = 2000

async function main([text = '']: string[]): Promise<number> {
  const spec = JSON.parse(text) as ComputerSpec
  for (const [path, port] of Object.entries(spec.ports)) forward({ host: '127.0.0.1', port }, { path })
  const computer = Bun.spawn([...spec.argv], { stdin: 'ignore', stdout: 'inherit', stderr: 'inherit', env: withoutPlainBun(process.env) })
  const askToEnd = (): void => {
    pressPowerButton(spec.control)
    setTimeout(askToEnd, ASK_AGAIN_MS)
  }
  process.stdin.on('end', askToEnd).on('error', askToEnd).resume()
  const code = await computer.exited
  return computer.signalCode === null ? code : 128
}

/** QMP: its greeting, our capabilities, then the button. https://www.qemu.org/docs/master/interop/qmp-spec.html */
function pressPowerButton(control: string): void {
  const socket = connect(control)
  socket.on('error', () => socket.destroy())
  socket.write('{"execute":"qmp_capabilities"}\n{"execute":"system_powerdown"}\n')
  socket.resume()
  setTimeout(() => socket.destroy(), ASK_AGAIN_MS / 2)
}

main(process.argv.slice(2)).then((code) => process.exit(code), (cause: unknown) => {
  process.stderr.write(`computer-init: ${String(cause)}\n`)
  process.exit(70)
})
