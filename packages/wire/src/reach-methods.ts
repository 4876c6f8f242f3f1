/** What the server asks of a daemon so that people reach into the machine. */
import { z } from 'zod'

/** One line of OpenSSH's public key format, as in `authorized_keys` without options (RFC 4253 §6.6). */
export const SshPublicKey = z.string().max(4096).regex(/^(?:ssh-ed25519|ecdsa-sha2-nistp(?:256|384|521)|ssh-rsa|sk-[\w.@-]+) [A-Za-z0-9+/=]+(?: [^\r\n]*)?$/, 'a public key on one line')

/** A machine says these of itself, and a person's own programs are started with them: neither reads as an option, nor moves a cursor. */
const oneWord = (text: string): boolean => !/[\s\p{Cc}\p{Cf}]/u.test(text) && !text.startsWith('-')
export const AccountName = z.string().min(1).max(256).refine(oneWord, 'the name of an account')
export const MachinePath = z.string().max(4096).refine((path) => path.startsWith('/') && !/[\p{Cc}\p{Cf}]/u.test(path), 'an absolute path')

/** Calls to the daemon; spread into `daemonMethods`. */
export const sshMethods = {
  /** Makes the host key at the first call; it lives as long as the workspace's home. */
  'ssh.access': { params: z.object({}), result: z.object({ user: AccountName, hostKey: SshPublicKey, /** Where the code is. */ workDir: MachinePath }) },
} as const
