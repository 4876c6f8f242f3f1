import { BerthError } from '@berth/wire/error'
import { parseSshTarget } from '@berth/wire/ssh-target'
import { absolutePath, some, type Prepare, type ProviderSettings } from './setting.ts'

export const ssh: ProviderSettings = {
  host: {
    key: 'host', value: 'user@host[:port]', help: 'a Linux host with systemd, as root or as a user that may run sudo without a password',
    read(text, option) {
      if (parseSshTarget(text) === null) throw new BerthError('bad_request', `--${option} takes user@host or user@host:port, not "${text}"`)
      return text
    },
  },
  identity: { key: 'identityFile', value: 'path', help: 'the private key to log in with, without a passphrase, on the host of the server', read: absolutePath },
  'host-key': { key: 'hostKey', value: 'SHA256:…', help: 'the fingerprint of its host key, in place of being asked', read: some('a fingerprint as ssh-keygen -l shows it', /^SHA256:[A-Za-z0-9+/]{43}$/) },
  allow: { key: 'egressAllow', value: 'host[:port]', multiple: true, help: 'machines may reach this private address', read: some('an address or a network, with a port or without', /^[\d.]+(\/\d{1,2})?(:\d{1,5})?$/) },
}

/** Nothing is kept of a host whose key nobody vouches for; the key itself goes into a file of its own. */
export const prepareSsh: Prepare = async (context, { given, before }) => {
  const { hostKey = null, ...kept } = given
  if (hostKey === null && kept['host'] === undefined) return kept
  const host = kept['host'] ?? before['host']
  if (typeof host !== 'string') throw new BerthError('bad_request', 'the key of which host?', { hint: 'berth provider setup ssh --host user@host --host-key SHA256:…' })
  const { pinHostKey } = await import('./host-key.ts')
  await pinHostKey(context, { host, expected: typeof hostKey === 'string' ? hostKey : null })
  return kept
}
