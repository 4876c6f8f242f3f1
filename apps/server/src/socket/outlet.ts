/**
 * What is sent to one page. Nothing is kept for a page that does not read: whoever has more to say waits for room and
 * reads it from the store then; what is of this moment only is left out.
 */
import type { ToPage } from '@berth/wire/live'

/** Of the web server's socket, what is used here. */
export interface PageSocket {
  sendText(text: string, compress?: boolean): number
  getBufferedAmount(): number
  close(code: number, reason: string): void
}
export interface Outlet {
  /** Resolves when the page takes more. False: it is gone. */
  room(): Promise<boolean>
  send(message: ToPage): void
  /** A message as it goes over the wire, made once for many pages. */
  sendText(text: string): void
  /** Left out when the page is behind; it learns the same from the store. */
  sendIfQuick(text: string): void
  close(code: number, reason: string): void
  drained(): void
  gone(): void
}

/** Taken by the system and not yet by the page before we stop reading from the store. */
const HIGH_WATER = 512 * 1024
/** Above it, text of the moment is late already. */
const LIVE_WATER = 64 * 1024
/** Shorter ones gain nothing from being packed, and are wanted at once. */
const PACK_FROM = 700

export function createOutlet(socket: PageSocket): Outlet {
  let over = false
  let drained = Promise.withResolvers<void>()
  const sendText = (text: string): void => {
    if (!over) socket.sendText(text, text.length >= PACK_FROM)
  }
  return {
    async room() {
      while (!over && socket.getBufferedAmount() > HIGH_WATER) {
        drained = Promise.withResolvers<void>()
        await drained.promise
      }
      return !over
    },
    send: (message) => sendText(JSON.stringify(message)),
    sendText,
    sendIfQuick(text) {
      if (!over && socket.getBufferedAmount() <= LIVE_WATER) socket.sendText(text)
    },
    close(code, reason) {
      if (!over) socket.close(code, reason)
    },
    drained: () => drained.resolve(),
    gone() {
      over = true
      drained.resolve()
    },
  }
}
