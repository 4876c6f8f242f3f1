/** Viewers of one tmux session: each is a real tmux client on a PTY of its own. */
import type { Terminal, TerminalViewer } from '../../contracts.ts'
import { createPump } from './pump.ts'
import { HISTORY_LINES } from './spec.ts'
import type { TmuxCommand } from './tmux-command.ts'

type Viewer = Parameters<Terminal['attach']>[0]
export interface TmuxViewers {
  attach(viewer: Viewer): Promise<TerminalViewer>
  count(): number
  inputAgeMs(): number | null
  ended(code: number | null): void
  closeAll(): void
}

export function attachTmux(deps: { command: TmuxCommand; terminalId: string; exitCode: () => Promise<number | null> }): TmuxViewers {
  const open = new Set<{ readonly own: boolean; end(code: number | null): void; close(): void }>()
  let lastInputAt: number | null = null

  return {
    count: () => [...open].filter(({ own }) => !own).length,
    inputAgeMs: () => (lastInputAt === null ? null : performance.now() - lastInputAt),
    ended: (code) => { for (const viewer of open) viewer.end(code) },
    closeAll: () => { for (const viewer of open) viewer.close() },
    async attach(viewer) {
      const { command, terminalId } = deps
      let client: Bun.Subprocess | null = null
      let size = { cols: viewer.cols, rows: viewer.rows }
      let closed = false
      // What is typed before the client has set its terminal up, it throws away.
      let painted = Promise.withResolvers<void>()

      const pump = createPump({
        onBytes: viewer.onBytes,
        // tmux paints the whole screen for a new client: that is how a viewer who fell behind comes back.
        onOverflow: () => stopClient(),
        onCaughtUp: () => startClient(),
      })
      const stopClient = (): void => {
        const old = client
        client = null
        old?.terminal?.close()
        old?.kill()
      }
      const startClient = (): void => {
        if (closed) return
        painted = Promise.withResolvers<void>()
        const { resolve: paintedOnce } = painted
        const flags = viewer.mode === 'watch' ? ['-f', 'ignore-size'] : []
        const started: Bun.Subprocess = Bun.spawn(command.clientArgv(['attach-session', ...flags, '-t', `=${terminalId}`]), {
          cwd: '/', env: command.env,
          terminal: { cols: size.cols, rows: size.rows, data: (_, bytes) => { paintedOnce(); if (client === started || client === null) pump.push(bytes) } },
        })
        client = started
        started.exited.then(async () => {
          paintedOnce()
          if (client !== started || closed) return
          handle.end(await deps.exitCode())
        }).catch(() => {})
      }
      const handle = {
        own: viewer.own === true,
        end(code: number | null): void {
          if (closed) return
          closed = true
          open.delete(handle)
          // The last bytes first.
          void pump.settled().then(() => { stopClient(); pump.close(); viewer.onExit(code) })
        },
        close(): void {
          closed = true
          open.delete(handle)
          stopClient()
          pump.close()
        },
      }
      open.add(handle)
      const paint = await command.attempt(['capture-pane', '-p', '-e', '-J', '-S', `-${HISTORY_LINES}`, '-t', `=${terminalId}:`])
      if (paint.stdout !== '') pump.push(new TextEncoder().encode(paint.stdout.replace(/\n+$/, '').replaceAll('\n', '\r\n')))
      startClient()
      return {
        async write(bytes) {
          if (closed || client === null) return
          lastInputAt = performance.now()
          await painted.promise
          client?.terminal?.write(bytes as Uint8Array<ArrayBuffer>)
        },
        async resize(cols, rows) {
          size = { cols, rows }
          client?.terminal?.resize(cols, rows)
        },
        async detach() { handle.close() },
      }
    },
  }
}
