/** What a browser without a session sees, and what a preview's place shows: whole in itself, because the page's files are not for it. */
import { createHash } from 'node:crypto'

const STYLE = `:root{--ink:#16181b;--ink-2:#484e56;--ink-3:#666c74;--sunken:#f3f4f2;--ground:#fbfbfa;--accent:#0b5c9e;--fill:#0b5c9e}
@media (prefers-color-scheme:dark){:root{--ink:#e7e9ec;--ink-2:#b0b7bf;--ink-3:#8b939c;--sunken:#090b0c;--ground:#0e1012;--accent:#6fb4f0;--fill:#2a72b0}}
*{box-sizing:border-box}
html{color-scheme:light dark;-webkit-text-size-adjust:100%}
body{margin:0;min-height:100vh;min-height:100dvh;padding:24px 16px 14vh;display:grid;align-content:center;justify-items:center;background:var(--ground);color:var(--ink-2);font:400 15px/22px system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif;text-align:center;-webkit-font-smoothing:antialiased}
main{width:100%;max-width:352px;display:grid;gap:8px}
svg{width:48px;height:48px;margin:0 auto 16px;color:var(--ink)}
h1{margin:0;font-size:20px;line-height:26px;font-weight:600;letter-spacing:-.01em;color:var(--ink);text-wrap:balance}
p{margin:0;text-wrap:balance}
.meta{font-size:13px;line-height:18px;color:var(--ink-3)}
pre{margin:8px 0;padding:12px 16px;border-radius:10px;background:var(--sunken);color:var(--ink);font:400 14px/20px ui-monospace,"SF Mono",Menlo,Consolas,monospace;white-space:pre-wrap;user-select:all}
button,.act{display:block;width:100%;height:44px;margin-top:16px;border:0;border-radius:10px;background:var(--fill);color:#fff;font:inherit;line-height:44px;font-weight:550;text-decoration:none;cursor:pointer}
button.quiet,.act.quiet{background:var(--sunken);color:var(--ink)}
.field{display:grid;gap:4px;text-align:left;font-size:13px;line-height:18px;margin-top:8px}
input{width:100%;height:44px;padding:0 12px;border:1px solid var(--ink-3);border-radius:10px;background:var(--ground);color:var(--ink);font:inherit;font-size:16px}
b{font-weight:600;color:var(--ink);overflow-wrap:anywhere}
:focus-visible{outline:0;box-shadow:0 0 0 2px var(--ground),0 0 0 4px var(--accent)}`

const MARK = `<svg viewBox="0 0 24 24" fill="none" aria-hidden="true"><path d="M2.3 9.8v11.6" stroke="currentColor" stroke-width="2.6" stroke-linecap="round"/><path d="M2.6 12.4c.7 3.4 2.3 4.6 6 4.2" stroke="currentColor" stroke-width="1.3" stroke-linecap="round"/><path d="M7 14.8h16.6l-2 4.7c-.8 1.8-2.2 2.7-4.2 2.7h-5.6c-2.9 0-4.5-2.9-4.8-7.4Z" fill="var(--accent)"/><path d="M14.8 1.6V13h7.4c-.6-5.3-3.1-9.2-7.4-11.4Z" fill="var(--accent)"/><path d="M12.8 5.4V13H8.2c.5-3.4 2-6 4.6-7.6Z" fill="var(--accent)" opacity=".6"/></svg>`

const POLICY = `default-src 'none'; style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'; img-src data:; frame-ancestors 'none'; base-uri 'none'`

export interface PlainPage {
  readonly title?: string
  /** The browser asks again by itself. */
  readonly refreshSeconds?: number
  /** Its form comes to ourselves, and is believed with a session only if it tells its origin. */
  readonly ownForm?: boolean
  /** Of ours, by its address. */
  readonly script?: string
  /** Where the page's form leads in the end, beside ourselves. */
  readonly formGoesTo?: string
}

/** `body` is HTML of our own; whatever comes from outside goes through `escapeHtml` first. */
export function signedOutPage(status: number, body: string, page: PlainPage = {}): Response {
  const { html, policy } = plainPage(body, page)
  return new Response(html, { status, headers: { 'content-type': 'text/html; charset=utf-8', 'content-security-policy': policy } })
}

export function plainPage(body: string, { title = 'Berth', refreshSeconds, script, formGoesTo, ownForm = false }: PlainPage): { html: string; policy: string } {
  const refresh = refreshSeconds === undefined ? '' : `<meta http-equiv="refresh" content="${refreshSeconds}">`
  // Without it the origin of a form is not told, not even to ourselves.
  const referrer = formGoesTo === undefined && !ownForm ? '' : '<meta name="referrer" content="same-origin">'
  return {
    html: `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">${referrer}${refresh}<title>${escapeHtml(title)}</title><link rel="icon" href="data:,"><style>${STYLE}</style><body><main>${MARK}${body}</main>${script === undefined ? '' : `<script src="${script}" defer></script>`}</body></html>`,
    policy: `${POLICY}${script === undefined ? '' : "; script-src 'self'; connect-src 'self'"}; form-action 'self'${formGoesTo === undefined ? '' : ` ${formGoesTo}`}`,
  }
}

export function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;').replaceAll("'", '&#39;')
}
