/** This very page on a phone: the address as a QR code. Who scans it signs in there as anywhere. */
import { encode } from 'uqr'
import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { Command } from '../ui/command.tsx'
import { attempt, client, pathTo } from '../state/session.ts'
import { copy } from './copy.ts'
import { Dialog } from './dialog.tsx'
import { sheet } from './sheets.ts'

export function QrSheet() {
  const workspace = sheet.value?.workspace
  const link = useSignal<string | null>(null)
  const path = workspace ? pathTo(workspace.id) : '/'
  useEffect(() => void attempt(() => client.createSignInLink({ next: path })).then((made) => (link.value = made?.url ?? null)), [path])
  const url = link.value ?? new URL(path, location.href).href
  const { hostname, protocol } = new URL(url)
  const onlyHere = ['localhost', '127.0.0.1', '[::1]'].includes(hostname) || hostname.endsWith('.localhost')
  return (
    <Dialog title={workspace ? `${workspace.name} on a phone` : 'On a phone'}>
      <Code text={url} />
      <p class="meta">{link.value ? 'Signs one browser in, once, within minutes. Who has it acts as you.' : 'Opens this page.'}</p>
      {onlyHere && <p class="notice warning">This address is only for this computer. Start the server with a public address first: <code>berth serve --public https://…</code></p>}
      {!onlyHere && protocol === 'http:' && <p class="notice warning">Not encrypted (http): the phone gets no notifications, installs nothing and keeps nothing offline.</p>}
      <Command text={url} />
      <button type="button" class="btn" onClick={() => void copy(url)}>Copy the link</button>
    </Dialog>
  )
}

/** One path of squares; the quiet zone belongs to it. */
function Code({ text }: { text: string }) {
  const { data, size } = encode(text, { ecc: 'M', border: 2 })
  const squares = data.flatMap((row, y) => row.map((dark, x) => (dark ? `M${x} ${y}h1v1h-1z` : ''))).join('')
  return <svg class="qr" viewBox={`0 0 ${size} ${size}`} role="img" aria-label="QR code of this page's address" shape-rendering="crispEdges"><rect width={size} height={size} fill="#fff" /><path d={squares} fill="#000" /></svg>
}
