/** What the server asks of a daemon so that people reach into the machine. */
import { z } from 'zod'

/** One line of OpenSSH's public key format, as in `authorized_keys` without options (RFC 4253 §6.6). */
export const SshPublicKey = z.string().max(4096).regex(/^(?:ssh-ed25519|ecdsa-sha2-nistp(?:256|384|521)|ssh-rsa|sk-[\w.@-]+) [A-Za-z0-9+/=]+(?: [^\r\n]*)?$/, 'a public key on one line')

/** Calls to the daemon; spread into `daemonMethods`. */
export const sshMethods = {
  /** Makes the host key at the first call; it lives as long as the workspace's home. */
  'ssh.access': { params: z.object({}), result: z.object({ user: z.string(), hostKey: SshPublicKey, /** Where the code is. */ workDir: z.string() }) },
} as const
