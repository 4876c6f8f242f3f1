/** What a browser needs before it can be told anything while it is closed. Pure, so that each reason has its words. */
export interface PushWorld { readonly secure: boolean; readonly worker: boolean; readonly push: boolean; readonly permission: NotificationPermission | null; readonly apple: boolean; readonly installed: boolean }

interface WhyNot { readonly words: string; readonly hint: string }

export function whyNoPush(world: PushWorld): WhyNot | null {
  if (!world.secure) return { words: 'Notifications need an encrypted address (https).', hint: 'Put TLS or a tunnel before the server and start it with `berth serve --public <url>`; ntfy and a webhook work without.' }
  if (world.apple && !world.installed) return { words: 'On this device notifications are for installed apps only.', hint: 'Share, then “Add to Home Screen”, and open Berth from there.' }
  if (!world.worker || !world.push || world.permission === null) return { words: 'This browser has no notifications.', hint: 'Use another browser, ntfy or a webhook.' }
  if (world.permission === 'denied') return { words: 'Notifications of this address are blocked in the browser.', hint: 'Allow them in the browser’s settings for this site, then come back.' }
  return null
}

export function pushWorld(): PushWorld {
  return {
    secure: isSecureContext, worker: 'serviceWorker' in navigator, push: 'PushManager' in window,
    permission: 'Notification' in window ? Notification.permission : null,
    apple: /iPhone|iPad|iPod/.test(navigator.userAgent), installed: matchMedia('(display-mode: standalone)').matches,
  }
}

/** What a person would call it: `Firefox on Android`. */
export function deviceName(agent: string): string {
  const browser = (['Edg|Edge', 'Firefox|FxiOS', 'OPR|Opera', 'Chrome|CriOS', 'Safari'] as const).find((names) => new RegExp(names).test(agent))
  const system = (['iPhone', 'iPad', 'Android', 'Windows', 'Mac OS|Mac', 'Linux', 'CrOS'] as const).find((names) => new RegExp(names).test(agent))
  const words: Record<string, string> = { 'Edg|Edge': 'Edge', 'Firefox|FxiOS': 'Firefox', 'OPR|Opera': 'Opera', 'Chrome|CriOS': 'Chrome', 'Mac OS|Mac': 'Mac', CrOS: 'Chromebook' }
  const word = (names: string | undefined, other: string) => (names === undefined ? other : (words[names] ?? names))
  return `${word(browser, 'Browser')} on ${word(system, 'this device')}`
}

export function keyBytes(base64url: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64url.replaceAll('-', '+').replaceAll('_', '/')), (letter) => letter.charCodeAt(0))
}
