/** Who asks Amazon: a pair of keys, from a file as their own tools write it or from the environment. */
export interface Credentials { readonly accessKeyId: string; /** A secret. */ readonly secretAccessKey: string; /** Of temporary ones. A secret. */ readonly sessionToken: string | null }

/** Of a profile in a file such as `~/.aws/credentials`; null: it has none. */
export function credentialsIn(text: string, profile: string): Credentials | null {
  const values = new Map<string, string>()
  let here = false
  for (const line of text.split('\n')) {
    const section = /^\s*\[\s*(?:profile\s+)?([^\]]+?)\s*\]/.exec(line)?.[1]
    if (section !== undefined) here = section === profile
    const [, key = '', value = ''] = /^\s*([a-z_]+)\s*=\s*(\S+)\s*$/i.exec(line) ?? []
    if (here && key !== '') values.set(key.toLowerCase(), value)
  }
  return from(values.get('aws_access_key_id'), values.get('aws_secret_access_key'), values.get('aws_session_token'))
}

export const credentialsOf = (env: Readonly<Record<string, string | undefined>>): Credentials | null => from(env['AWS_ACCESS_KEY_ID'], env['AWS_SECRET_ACCESS_KEY'], env['AWS_SESSION_TOKEN'])

function from(accessKeyId: string | undefined, secretAccessKey: string | undefined, sessionToken: string | undefined): Credentials | null {
  return accessKeyId && secretAccessKey ? { accessKeyId, secretAccessKey, sessionToken: sessionToken || null } : null
}
