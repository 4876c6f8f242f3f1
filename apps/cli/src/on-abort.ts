/** Calls it when the signal says stop, and at once when it has said so already: a listener would never hear of it. Returns its remover. */
export function onAbort(signal: AbortSignal, stop: () => void): () => void {
  if (signal.aborted) stop()
  else signal.addEventListener('abort', stop, { once: true })
  return () => signal.removeEventListener('abort', stop)
}
