/** Whom ssh is to reach: as a person says it, and as its parts. */
export interface SshTarget { readonly user: string; readonly host: string; readonly port: number }

const TARGET = /^(?:([a-z_][a-z0-9_-]{0,31})@)?([A-Za-z0-9][A-Za-z0-9.-]{0,252}|\[[0-9a-fA-F:]+\])(?::(\d{1,5}))?$/
export const SSH_PORT = 22

/** `user@host[:port]`; an IPv6 address stands in brackets. Null: it is none. */
export function parseSshTarget(text: string): SshTarget | null {
  const [whole, user = 'root', host = '', port = String(SSH_PORT)] = TARGET.exec(text) ?? []
  if (whole === undefined || Number(port) < 1 || Number(port) > 65_535) return null
  return { user, host: host.replace(/^\[|\]$/g, ''), port: Number(port) }
}

/** As a file of known hosts names it. */
export const knownHostName = ({ host, port }: SshTarget): string => (port === SSH_PORT ? host : `[${host}]:${port}`)
