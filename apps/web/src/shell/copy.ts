/** Into the clipboard, also where the page is not encrypted and the browser has only the old way. */
import { say } from './toast.tsx'

export async function copy(text: string): Promise<void> {
  const done = (await byClipboard(text)) || byCommand(text)
  say(done ? 'Copied' : isSecureContext ? 'The browser does not let this page copy; select the text instead' : 'Copying needs an encrypted address (https); select the text instead')
}

async function byClipboard(text: string): Promise<boolean> {
  try {
    // Absent without TLS.
    if (!('clipboard' in navigator)) return false
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    return false
  }
}

function byCommand(text: string): boolean {
  const field = document.createElement('textarea')
  field.value = text
  field.className = 'unseen'
  // In a modal dialog nothing outside of it can be selected.
  const place = document.querySelector('dialog[open]') ?? document.body
  const before = document.activeElement
  place.append(field)
  field.select()
  try {
    return document.execCommand('copy')
  } catch {
    return false
  } finally {
    field.remove()
    if (before instanceof HTMLElement) before.focus()
  }
}
