import type { RefObject } from 'preact'
import { useEffect } from 'preact/hooks'

/** The browser's modal holds the focus while it is shown; then it goes back to where it was, if that is still there. */
export function useModal(box: RefObject<HTMLDialogElement | null>, shown: unknown = true): void {
  useEffect(() => {
    const dialog = box.current
    if (!shown || !dialog) return
    const before = document.activeElement
    dialog.showModal()
    return () => {
      // While it is open nothing else takes the focus.
      dialog.close()
      if (before instanceof HTMLElement && before.isConnected) before.focus()
    }
  }, [shown])
}
