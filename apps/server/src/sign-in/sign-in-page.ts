/** What a browser without a session sees: the ways in that this server has now. */
import type { Store } from '@berth/core'
import type { OrgId } from '@berth/wire'
import { escapeHtml, signedOutPage } from '../http/signed-out-page.ts'
import { GITHUB_START_PATH, PASSKEY_SCRIPT_PATH } from './paths.ts'

export interface WaysDeps { readonly store: Pick<Store, 'github' | 'passkeys'>; readonly homeOrg: OrgId }

/** `next`: a path of this server, where it goes on afterwards. */
export async function signInPage({ store, homeOrg }: WaysDeps, { status, next, title = 'This browser is not signed in', said = '' }: { status: number; next: string; title?: string; said?: string }): Promise<Response> {
  const [apps, passkeys] = await Promise.all([store.github.list(homeOrg), store.passkeys.any()])
  const github = apps.length === 0 ? '' : `<a class="act" href="${escapeHtml(`${GITHUB_START_PATH}?${new URLSearchParams({ next }).toString()}`)}">Sign in with GitHub</a>`
  const passkey = passkeys ? `<button type="button" id="passkey" data-next="${escapeHtml(next)}">Use a passkey</button><p id="said" class="meta" role="alert"></p>` : ''
  const link = `<p${github + passkey === '' ? '' : ' class="meta"'}>On the machine that runs the server:</p><pre>berth web</pre><p class="meta">It opens a link that signs one browser in, once.</p>`
  return signedOutPage(status, `<h1>${escapeHtml(title)}</h1>${said === '' ? '' : `<p>${escapeHtml(said)}</p>`}${github}${passkey}${link}`, passkeys ? { script: PASSKEY_SCRIPT_PATH } : {})
}
