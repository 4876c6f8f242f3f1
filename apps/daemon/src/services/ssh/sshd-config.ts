/** The configuration of one run of `sshd -i`: one key, one user, no password, nothing that listens. Pure. */
import { PATH_AGAIN } from '../programs-on-path.ts'

export interface SshdConfig {
  readonly hostKeyFile: string
  readonly authorizedKeysFile: string
  readonly user: string
  /** The workspace's name, as a person types it. */
  readonly workspaceName: string
  /** A secret: it holds what the workspace's environment holds. */
  readonly env: Readonly<Record<string, string>>
  /** Programs that a newer sshd starts for each connection; absent where it knows its own or is one program. */
  readonly sessionProgram?: string | undefined
  readonly authProgram?: string | undefined
}

/** sshd says these itself, by the account and by what the client asked for. */
const OWN = new Set(['TERM', 'USER', 'LOGNAME', 'SHELL', 'PWD', 'OLDPWD', 'SHLVL', '_', 'MAIL', 'PROMPT_COMMAND'])
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/

export function sshdConfig(config: SshdConfig): string {
  const { env } = config
  const set = Object.entries(env).filter(([name, value]) => NAME.test(name) && !OWN.has(name) && !name.startsWith('SSH_') && isOneLine(value))
  return [
    `HostKey ${quoted(config.hostKeyFile)}`,
    `AuthorizedKeysFile ${quoted(config.authorizedKeysFile.replaceAll('%', '%%'))}`,
    `AllowUsers ${config.user}`,
    // Its files are the daemon's, for this one connection; it runs without any right of its own.
    'StrictModes no', 'UsePAM no', 'PidFile none',
    'AuthenticationMethods publickey', 'PasswordAuthentication no', 'KbdInteractiveAuthentication no', 'MaxAuthTries 20', 'LoginGraceTime 30',
    'AllowTcpForwarding yes', 'AllowStreamLocalForwarding yes', 'StreamLocalBindUnlink yes', 'GatewayPorts no',
    // The person's side decides, and says no unless it is told otherwise (`berth ssh -A`): nothing here could ask for it.
    'AllowAgentForwarding yes', 'X11Forwarding no', 'PermitTunnel no', 'PermitUserEnvironment no', 'PermitUserRC no',
    // Connections share one channel (ControlMaster), so one carries many sessions.
    'MaxSessions 100', 'Compression no', 'UseDNS no', 'PrintMotd no', 'PrintLastLog no', 'LogLevel ERROR',
    'AcceptEnv LANG LC_* COLORTERM TERM_PROGRAM TERM_PROGRAM_VERSION',
    'Subsystem sftp internal-sftp',
    ...(config.sessionProgram === undefined ? [] : [`SshdSessionPath ${quoted(config.sessionProgram)}`]),
    ...(config.authProgram === undefined ? [] : [`SshdAuthPath ${quoted(config.authProgram)}`]),
    `SetEnv ${[...set.map(([name, value]) => quoted(`${name}=${value}`)), quoted(`PROMPT_COMMAND=${greeting(config.workspaceName)}`)].join(' ')}`,
    '',
  ].join('\n')
}

/** Names of variables that cannot be said on the one line that there is. */
export function leftOut(env: Readonly<Record<string, string>>): string[] {
  return Object.entries(env).filter(([name, value]) => NAME.test(name) && !OWN.has(name) && !isOneLine(value)).map(([name]) => name)
}

/**
 * Before the first prompt of a person's shell, then never again: no command, copy or program sees a byte of it. A server
 * that an editor starts without a terminal hands it on to its own terminals, where it only takes itself away.
 */
function greeting(name: string): string {
  const words = `the agent works in a terminal of its own: berth attach ${name.replace(/[^\w.-]/g, '')} joins it, Ctrl-] then d leaves it`
  return `[ -z "$SSH_TTY" ] || printf "%s\\n" "${words}"; ${PATH_AGAIN}; unset PROMPT_COMMAND`
}

const isOneLine = (value: string): boolean => !/[\r\n\0]/.test(value)

function quoted(value: string): string {
  return `"${value.replace(/[\\"]/g, '\\$&')}"`
}
