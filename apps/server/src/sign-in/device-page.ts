/** Where a signed-in person lets a program in: they compare the code, and see what asks and from where. */
import { BerthError } from '@berth/wire'
import { UserCode } from '@berth/wire/people'
import { answerDeviceLogin, getDeviceLogin } from '../access/device-login.ts'
import type { DeviceLoginDeps } from '../access/device-login.ts'
import type { Gate } from '../access/gate.ts'
import { note } from '../access/record.ts'
import type { RecordDeps } from '../access/record.ts'
import { readLimited } from '../http/body.ts'
import type { Caller } from '../http/credentials.ts'
import { escapeHtml, signedOutPage } from '../http/signed-out-page.ts'
import type { Pace } from './pace.ts'
import { DEVICE_PATH } from './paths.ts'

export interface DevicePageDeps extends DeviceLoginDeps, RecordDeps { readonly store: DeviceLoginDeps['store'] & RecordDeps['store']; readonly gate: Gate; readonly pace: Pace }

const FORM_LIMIT = 1024

export async function devicePage(deps: DevicePageDeps, request: Request, caller: Caller): Promise<Response> {
  await deps.gate.require(caller, 'account', null)
  if (!deps.pace.allows(`code ${caller.userId}`)) throw new BerthError('too_many', 'too many attempts', { hint: 'wait a minute' })
  if (request.method === 'POST') return answer(deps, request, caller)
  const written = new URL(request.url).searchParams.get('code') ?? ''
  return written === '' ? askForCode('') : show(deps, written, caller)
}

function askForCode(said: string): Response {
  return signedOutPage(said === '' ? 200 : 404, `<h1>Let a program in</h1><p>Type the code that it shows.</p><form method="get" action="${DEVICE_PATH}"><label class="field">Code<input name="code" required maxlength="12" autocomplete="off" autocapitalize="characters" spellcheck="false" autofocus></label>${said === '' ? '' : `<p role="alert">${escapeHtml(said)}</p>`}<button type="submit">Go on</button></form>`, { title: 'Let a program in' })
}

async function show(deps: DevicePageDeps, written: string, caller: Caller): Promise<Response> {
  const code = UserCode.safeParse(written)
  const login = code.success ? await getDeviceLogin(deps, code.data).catch(() => null) : null
  if (login === null || !code.success) return askForCode('No program waits with that code. A code is good for ten minutes.')
  const shown = `${code.data.slice(0, 4)}-${code.data.slice(4)}`
  const button = (decision: string, words: string, kind: string) => `<button type="submit" name="decision" value="${decision}"${kind}>${words}</button>`
  return signedOutPage(200, `<h1>Let <b>${escapeHtml(login.name)}</b> in?</h1><p>It asked from ${escapeHtml(login.address)} and shows this code:</p><pre>${shown}</pre><p>It will do everything you can, as ${escapeHtml(caller.userName)}.</p><form method="post" action="${DEVICE_PATH}"><input type="hidden" name="code" value="${shown}">${button('approve', 'Let it in', '')}${button('deny', 'Do not', ' class="quiet"')}</form>`, { title: 'Let a program in', ownForm: true })
}

async function answer(deps: DevicePageDeps, request: Request, caller: Caller): Promise<Response> {
  const form = new URLSearchParams(new TextDecoder().decode(await readLimited(request, FORM_LIMIT)))
  const code = UserCode.safeParse(form.get('code') ?? '')
  const decision = form.get('decision') === 'approve' ? 'approve' : 'deny'
  const login = code.success ? await getDeviceLogin(deps, code.data).catch(() => null) : null
  if (!code.success || login === null) return askForCode('No program waits with that code. A code is good for ten minutes.')
  await answerDeviceLogin(deps, caller, { userCode: code.data, decision })
  await note(deps, caller, { action: 'device.answer', subject: `${decision} ${login.name} at ${login.address}` })
  return signedOutPage(200, decision === 'approve' ? `<h1><b>${escapeHtml(login.name)}</b> is in</h1><p>Go back to it. You end its session among your devices, in the settings.</p><a class="act" href="/settings">Settings</a>` : '<h1>It was not let in</h1><p>If it was not you who asked, nothing is left to do.</p>', { title: 'Let a program in' })
}
