/** Light, dark, or as the system has it; of this device. The server draws with what the cookie says, `main.tsx` with what is kept. */
export const THEMES = ['system', 'light', 'dark'] as const
export type Theme = (typeof THEMES)[number]
export const THEME_KEY = 'berth-theme'

export function theme(): Theme {
  const kept = document.documentElement.dataset['theme']
  return kept === 'light' || kept === 'dark' ? kept : 'system'
}

export function setTheme(next: Theme): void {
  if (next === 'system') delete document.documentElement.dataset['theme']
  else document.documentElement.dataset['theme'] = next
  document.cookie = `${THEME_KEY}=${next}; Path=/; SameSite=Lax; Max-Age=${next === 'system' ? 0 : 365 * 24 * 3600}`
  try {
    if (next === 'system') localStorage.removeItem(THEME_KEY)
    else localStorage.setItem(THEME_KEY, next)
  } catch {
    // It holds until the page is closed.
  }
}
